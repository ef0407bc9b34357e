#include <gtest/gtest.h>

#include <vector>

#include "usb/usb.h"

namespace gangd {
namespace {

TEST(UsbPath, IsWrittenAndReadBack) {
  const UsbPath path{"0000:00:14.0", {2, 4, 11}};
  EXPECT_EQ(path.to_string(), "0000:00:14.0/2.4.11");
  EXPECT_EQ(*UsbPath::parse("0000:00:14.0/2.4.11"), path);
  EXPECT_EQ(*UsbPath::parse("vhci_hcd.0/"), (UsbPath{"vhci_hcd.0", {}}));
}

// Slots sorted as text would put port 10 before port 2, and 1.1 beside 11.
TEST(UsbPath, PortsAreComparedAsNumbers) {
  const UsbPath two{"a", {2}}, ten{"a", {10}}, below{"a", {2, 1}};
  EXPECT_LT(two, ten);
  EXPECT_LT(two, below);
  EXPECT_LT(below, ten);
  EXPECT_NE((UsbPath{"a", {1, 1}}), (UsbPath{"a", {11}}));
}

// A slot map is typed by a person.
TEST(UsbPath, WhatIsNoneIsRefusedWithAnExample) {
  for (const char* text : {"", "a", "/1", "a/0", "a/1.", "a/.1", "a/1..2", "a/256", "a/x", "a/1,2",
                           "a/1.2.3.4.5.6.7.8", "a/-1"}) {
    const auto path = UsbPath::parse(text);
    ASSERT_FALSE(path) << text;
    EXPECT_NE(path.error().message().find("one looks like 0000:00:14.0/2.4.1"), std::string::npos);
  }
}

}  // namespace
}  // namespace gangd
