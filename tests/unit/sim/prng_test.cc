#include "tests/sim/prng.h"

#include <gtest/gtest.h>

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

// Seeds that are written down must mean the same in ten years: the first values of SplitMix64.
TEST(Prng, GivesTheSameNumbersForEver) {
  Prng prng(1234567);
  EXPECT_EQ(prng.next(), 6457827717110365317u);
  EXPECT_EQ(prng.next(), 3203168211198807973u);
  EXPECT_EQ(prng.next(), 9817491932198370423u);
}

TEST(Prng, StaysWithinItsBounds) {
  Prng prng(7);
  bool least = false, most = false;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(prng.below(3), 3u);
    const Duration duration = prng.between(2ns, 4ns);
    EXPECT_TRUE(duration >= 2ns && duration <= 4ns);
    least |= duration == 2ns;
    most |= duration == 4ns;
    EXPECT_FALSE(prng.chance(0));
    EXPECT_TRUE(prng.chance(1000));
  }
  EXPECT_TRUE(least && most);
}

}  // namespace
}  // namespace gangd::sim
