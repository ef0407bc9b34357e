#include "base/check.h"

#include <gtest/gtest.h>

namespace gangd {
namespace {

// A check that is compiled away in a release build lets a broken ledger go on.
TEST(Check, AbortsAndSaysWhereAndWhatInEveryBuild) {
  const int used = 3;
  EXPECT_DEATH(CHECK(used == 4, "used {}", used),
               "tests/unit/base/check_test.cc:[0-9]+: CHECK\\(used == 4\\) failed in .*: used 3");
}

TEST(Check, ItsMessageIsMadeOnlyOnFailure) {
  int made = 0;
  const auto message = [&made] { return ++made; };
  CHECK(true, "{}", message());
  EXPECT_EQ(made, 0);
}

}  // namespace
}  // namespace gangd
