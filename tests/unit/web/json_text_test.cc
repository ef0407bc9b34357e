// What a page shows comes from boards, files and people: their bytes must not end a string early.
#include "web/json_text.h"

#include <gtest/gtest.h>

namespace gangd {
namespace {

TEST(JsonText, MembersKeepTheirOrder) {
  EXPECT_EQ(JsonObject().text("b", "x").number("a", 7).flag("c", true).json("d", "[1]").end(),
            R"({"b":"x","a":7,"c":true,"d":[1]})");
  EXPECT_EQ(JsonObject().end(), "{}");
}

TEST(JsonText, AnyBytesAreAString) {
  EXPECT_EQ(json_string("a\"b\\c\nd"), R"("a\"b\\c\nd")");
  EXPECT_EQ(json_string(std::string_view("\0\x1f", 2)), R"("\u0000\u001f")");
  EXPECT_EQ(json_string("\xff"), "\"\xef\xbf\xbd\"");
}

TEST(JsonText, ArraysHoldWhatIsJsonAlready) {
  EXPECT_EQ(json_array({}), "[]");
  EXPECT_EQ(json_array({"1", json_string("x")}), R"([1,"x"])");
}

}  // namespace
}  // namespace gangd
