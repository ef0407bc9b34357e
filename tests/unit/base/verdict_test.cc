// A name that is read back as another verdict would pass a failed unit.
#include "base/verdict.h"

#include <gtest/gtest.h>

namespace gangd {
namespace {

TEST(Verdict, IsReadBackAsItWasWritten) {
  for (const Verdict verdict : {Verdict::kPass, Verdict::kFail, Verdict::kUnknown}) {
    EXPECT_EQ(verdict_named(verdict_name(verdict)), verdict);
  }
  EXPECT_EQ(verdict_name(Verdict::kPass), "PASS");
  EXPECT_EQ(verdict_name(Verdict::kFail), "FAIL");
}

TEST(Verdict, NothingElseIsOne) {
  for (const char* other : {"", "pass", "PASS ", "PASSED", "PAS"}) {
    EXPECT_FALSE(verdict_named(other)) << other;
  }
}

}  // namespace
}  // namespace gangd
