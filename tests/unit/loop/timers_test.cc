#include "loop/timers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "tests/sim/prng.h"

namespace gangd {
namespace {

struct Recorded : Timer {
  explicit Recorded(int n, std::vector<int>& list) : number(n), fired(list) {}
  void on_time() override { fired.push_back(number); }
  int number;
  std::vector<int>& fired;
};

Instant at(int ms) {
  return Instant(std::chrono::milliseconds(ms));
}

// Equal deadlines in heap order would differ from run to run of a seed.
TEST(Timers, FireByDeadlineAndThenByOrderOfArming) {
  std::vector<int> fired;
  Recorded a(1, fired), b(2, fired), c(3, fired), d(4, fired);
  Timers timers;
  EXPECT_EQ(timers.next(), Instant::max());
  timers.arm(a, at(20));
  timers.arm(b, at(10));
  timers.arm(c, at(20));
  timers.arm(d, at(30));
  EXPECT_EQ(timers.next(), at(10));
  timers.arm(a, at(20));  // again: now after c
  timers.fire_due(at(20));
  EXPECT_EQ(fired, (std::vector{2, 3, 1}));
  timers.disarm(d);
  EXPECT_EQ(timers.next(), Instant::max());
}

// A timer that arms itself for now must not keep the loop for ever.
TEST(Timers, WhatIsArmedWhileFiringWaitsForTheNextRound) {
  struct Again : Timer {
    explicit Again(Timers& all) : timers(all) {}
    void on_time() override {
      ++fired;
      timers.arm(*this, at(0));
    }
    Timers& timers;
    int fired = 0;
  };
  Timers timers;
  Again again(timers);
  timers.arm(again, at(0));
  timers.fire_due(at(1));
  EXPECT_EQ(again.fired, 1);
  timers.disarm(again);
}

// The heap with holes torn anywhere, against a sorted list.
TEST(Timers, AgreeWithASortedListUnderRandomArmingAndDisarming) {
  sim::Prng prng(7);
  std::vector<int> fired;
  std::vector<std::unique_ptr<Recorded>> all;
  std::vector<std::pair<int, int>> expected;  // deadline, number
  Timers timers;
  for (int i = 0; i < 500; ++i) {
    all.push_back(std::make_unique<Recorded>(i, fired));
    const int ms = static_cast<int>(prng.below(100));
    timers.arm(*all.back(), at(ms));
    expected.emplace_back(ms, i);
    if (prng.chance(400)) {
      const auto victim = prng.below(all.size());
      timers.disarm(*all[victim]);
      std::erase_if(expected, [&](auto& e) { return e.second == static_cast<int>(victim); });
    }
  }
  std::sort(expected.begin(), expected.end());
  timers.fire_due(at(100));
  std::vector<int> numbers;
  for (const auto& [ms, number] : expected) numbers.push_back(number);
  EXPECT_EQ(fired, numbers);
}

TEST(Timers, AnArmedTimerMayNotBeDestroyed) {
  std::vector<int> fired;
  Timers timers;
  EXPECT_DEATH(
      {
        Recorded timer(1, fired);
        timers.arm(timer, at(1));
      },
      "CHECK");
}

}  // namespace
}  // namespace gangd
