// The counter never goes back, whenever power fails and whatever the cells make of it.
#include "target_fw/boot/boot_counter.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "tests/unit/boot/boot_bench.h"

namespace gangd {
namespace {

class BootCounterTest : public testing::Test {
 protected:
  std::optional<std::uint32_t> value() {
    std::uint32_t value = 0;
    if (!boot_counter_read(&bench_.rules, &bench_.port, &value)) return std::nullopt;
    return value;
  }
  bool raise(std::uint32_t value) { return boot_counter_raise(&bench_.rules, &bench_.port, value); }

  BootBench bench_;
};

TEST_F(BootCounterTest, CountsFromNothing) {
  EXPECT_EQ(value(), 0U);
  EXPECT_TRUE(raise(0));
  EXPECT_EQ(bench_.internal().operations(), 0U);
  EXPECT_TRUE(raise(5));
  EXPECT_EQ(value(), 5U);
  EXPECT_TRUE(raise(4)) << "it is there already";
  EXPECT_EQ(value(), 5U);
  EXPECT_TRUE(raise(0xffff'ffff));
  EXPECT_EQ(value(), 0xffff'ffff);
}

TEST_F(BootCounterTest, IsFullOneDayAndSaysSo) {
  const std::uint32_t times = 8192 / BOOT_WORD_SIZE / BOOT_COUNTER_WORDS;
  for (std::uint32_t i = 1; i <= times; ++i) ASSERT_TRUE(raise(i));
  EXPECT_FALSE(raise(times + 1));
  EXPECT_EQ(value(), times);
  fmt::print("a sector is good for {} security versions\n", times);
}

TEST_F(BootCounterTest, WordsThatFaultAreNoValues) {
  EXPECT_TRUE(raise(5));
  bench_.internal().break_word(BootBench::kCounter + 3 * BOOT_WORD_SIZE);
  EXPECT_EQ(value(), 5U);
  EXPECT_TRUE(raise(6));
  EXPECT_EQ(value(), 6U);
  EXPECT_TRUE(bench_.internal().complaints().empty());
}

TEST_F(BootCounterTest, AProgramThatFailsIsNotCounted) {
  bench_.internal().fail_operation(1);
  EXPECT_FALSE(raise(5));
  EXPECT_TRUE(raise(5)) << "further on";
  EXPECT_EQ(value(), 5U);
}

// Power fails in each of the first lives, at its word of `cuts`; then there are days of which some
// are not kind to weak words. What one life has relied on, no later one undercuts; and in the end
// it can be raised.
constexpr std::uint64_t kNever = 1'000'000;

void live(std::uint64_t seed, const std::vector<std::uint64_t>& cuts) {
  BootBench bench(seed);
  bench.rules.counter_size = 384;
  std::uint32_t relied_on = 0;
  for (std::size_t life = 0; life < cuts.size() + 30; ++life) {
    bench.internal().cut_power_at_operation(life < cuts.size() ? cuts[life] : kNever);
    std::uint32_t value = 0;
    const bool holds = boot_counter_read(&bench.rules, &bench.port, &value);
    if (holds) {
      ASSERT_GE(value, relied_on) << "seed " << seed << ", life " << life;
      relied_on = value;
    }
    const std::uint32_t next = life < 20 ? 1 : 2;
    if (holds && boot_counter_raise(&bench.rules, &bench.port, next)) {
      relied_on = std::max(relied_on, next);
    } else {
      ASSERT_LT(life, cuts.size()) << "seed " << seed << ", life " << life;
    }
    bench.power_cycle();
  }
}

TEST_F(BootCounterTest, NeverGoesBackWhereverPowerFailsOnce) {
  for (std::uint64_t cut = 0; cut < BOOT_COUNTER_WORDS; ++cut) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      live(seed, {cut});
      if (HasFatalFailure()) return;
    }
  }
}

// The second cut may come while the first one's value is being mended.
TEST_F(BootCounterTest, NeverGoesBackWhereverPowerFailsTwice) {
  for (std::uint64_t first = 0; first < BOOT_COUNTER_WORDS; ++first) {
    for (std::uint64_t second = 0; second < BOOT_COUNTER_WORDS; ++second) {
      for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        live(seed, {first, second});
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_F(BootCounterTest, NeverGoesBackHoweverOftenPowerFails) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    sim::Prng dice(seed);
    std::vector<std::uint64_t> cuts(3 + dice.below(4));
    for (std::uint64_t& cut : cuts) cut = dice.below(2 * BOOT_COUNTER_WORDS);
    live(seed, cuts);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace gangd
