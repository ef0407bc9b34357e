// A flood of refusals must not fill the disk, and none of them may be missing from the count.
#include "station/denials.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "loop/sleep.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

class DenialsTest : public testing::Test {
 protected:
  static AccessDenied kind(const std::string& subject) {
    return {"auditor", subject, "gang.v1.Jobs/StartJob", "not for auditor"};
  }

  Denials::Record record() {
    return [this](AccessDenied denial) { return keep(std::move(denial)); };
  }

  template <class Work>
  void run(Work work) {
    const Status done = machine.loop.run([](DenialsTest& test, Work& inner) -> Task<Status> {
      Denials denials(test.machine.loop, test.record());
      denials.start();
      co_await inner(denials);
      co_await denials.stop();
      co_return Status();
    }(*this, work));
    EXPECT_TRUE(done);
  }

  std::uint64_t sum() const {
    std::uint64_t all = 0;
    for (const AccessDenied& denial : records) all += denial.count;
    return all;
  }

  Simulated machine;
  bool is_broken = false;
  std::vector<AccessDenied> records;

 private:
  Task<Status> keep(AccessDenied denial) {
    (void)co_await sleep_for(1ms);
    if (is_broken) co_return Error(Code::kIo, "the disk is full");
    records.push_back(std::move(denial));
    co_return Status();
  }
};

TEST_F(DenialsTest, TheFirstOfAKindIsOnRecordAtOnce) {
  run([this](Denials& denials) -> Task<> {
    denials.add(kind("CN=leo"));
    (void)co_await sleep_for(1s);
    EXPECT_EQ(records, std::vector{kind("CN=leo")});
  });
  EXPECT_EQ(records.size(), 1U);
}

TEST_F(DenialsTest, AFloodBecomesTwoRecordsAnHourThatCountAll) {
  constexpr std::uint64_t kHours = 10;
  constexpr std::uint64_t kEachHour = 3600;
  run([](Denials& denials) -> Task<> {
    for (std::uint64_t n = 0; n < kHours * kEachHour; ++n) {
      denials.add(kind("CN=leo"));
      (void)co_await sleep_for(1s);
    }
  });
  EXPECT_EQ(sum(), kHours * kEachHour);
  EXPECT_LE(records.size(), 2 * kHours + 2);
}

TEST_F(DenialsTest, KindsWithoutEndAreCountedTogether) {
  run([](Denials& denials) -> Task<> {
    for (int n = 0; n < 1000; ++n) {
      denials.add(kind("CN=" + std::to_string(n)));
      (void)co_await sleep_for(10ms);
    }
  });
  EXPECT_EQ(sum(), 1000U);
  EXPECT_LE(records.size(), 40U);
  EXPECT_EQ(std::ranges::count(records, "", &AccessDenied::role), 1);
}

// More in one moment than the loop can take: refused at the mailbox, and counted all the same.
TEST_F(DenialsTest, WhatTheMailboxCannotHoldIsCounted) {
  run([](Denials& denials) -> Task<> {
    for (int n = 0; n < 1000; ++n) denials.add(kind("CN=leo"));
    (void)co_await sleep_for(1s);
  });
  EXPECT_EQ(sum(), 1000U);
}

TEST_F(DenialsTest, ALedgerThatFailsGetsThemWhenItIsMended) {
  run([this](Denials& denials) -> Task<> {
    is_broken = true;
    denials.add(kind("CN=leo"));
    denials.add(kind("CN=leo"));
    (void)co_await sleep_for(3h);
    EXPECT_TRUE(records.empty());
    is_broken = false;
    (void)co_await sleep_for(1h);
    EXPECT_EQ(sum(), 2U);
  });
  EXPECT_EQ(records.size(), 1U);
}

TEST_F(DenialsTest, WhatIsQuietForHoursIsTheFirstAgain) {
  run([this](Denials& denials) -> Task<> {
    denials.add(kind("CN=leo"));
    (void)co_await sleep_for(3h);
    denials.add(kind("CN=leo"));
    (void)co_await sleep_for(1s);
    EXPECT_EQ(records.size(), 2U);
  });
}

}  // namespace
}  // namespace gangd
