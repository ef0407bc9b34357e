#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace gangd {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error(Code::kInvalid, "{} is odd", number);
  return number / 2;
}

Result<int> quarter(int number) {
  TRY(const int first, half(number));
  TRY(const int second, half(first).with_context("second half"));
  return second;
}

Status only_even(int number) {
  TRY_STATUS(half(number));
  return {};
}

// Context is added once a layer, in front: the cause stays last, where an operator looks.
TEST(Result, TryLeavesWithTheErrorAndItsContext) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).with_context("slot 3").error().message(), "slot 3: second half: 3 is odd");
  EXPECT_TRUE(quarter(7).failed_with(Code::kInvalid));
  EXPECT_FALSE(quarter(8).failed_with(Code::kInvalid));
  EXPECT_EQ(*quarter(8).with_context("unused"), 2);
}

TEST(Result, TryStatusNeedsNoValue) {
  EXPECT_TRUE(only_even(2));
  EXPECT_EQ(only_even(3).error().message(), "3 is odd");
}

// A handle that was opened must come through without a copy.
TEST(Result, CarriesWhatCanOnlyBeMoved) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(5); };
  const auto pass = [&]() -> Result<std::unique_ptr<int>> {
    TRY(auto owned, make());
    return owned;
  };
  EXPECT_EQ(**pass(), 5);
}

// A message with braces in it (a path, a device's text) is not a format.
TEST(Error, TextIsTakenAsItIs) {
  EXPECT_EQ(Error(Code::kIo, "{}").message(), "{}");
  EXPECT_EQ(Error(Code::kIo, "{}", "{x}").with_context("{y}").message(), "{y}: {x}");
}

TEST(Error, EveryCodeHasAName) {
  for (int code = 0; code <= static_cast<int>(Code::kIo); ++code) {
    EXPECT_NE(name(static_cast<Code>(code)), "unknown") << code;
  }
}

}  // namespace
}  // namespace gangd
