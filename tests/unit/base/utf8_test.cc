#include "base/utf8.h"

#include <gtest/gtest.h>

namespace gangd {
namespace {

// A string of gang.v1 that is no UTF-8 makes other languages refuse the whole message.
TEST(Utf8Test, WhatIsValidStaysAsItIs) {
  for (const std::string text : {"", "plain", "Ger\xc3\xa4t", "\xe2\x82\xac", "\xf0\x9f\x94\xa7"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
    EXPECT_EQ(as_utf8(text), text);
  }
}

TEST(Utf8Test, EachByteThatIsNoCharacterIsReplaced) {
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(as_utf8("Ger\xe4t"), "Ger" + mark + "t");
  EXPECT_EQ(as_utf8("\xe2\x82"), mark + mark);             // cut off
  EXPECT_EQ(as_utf8("\xc0\x80"), mark + mark);             // overlong
  EXPECT_EQ(as_utf8("\xed\xa0\x80"), mark + mark + mark);  // half of a surrogate pair
  EXPECT_TRUE(is_utf8(as_utf8("\xff\xfe\x80 \xf5")));
}

}  // namespace
}  // namespace gangd
