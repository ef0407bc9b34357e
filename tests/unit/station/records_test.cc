// When a disk fails, nobody knows what is on it. What is said of a unit must still be on record
// once, and never be said without its record.
#include "station/records.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "loop/sleep.h"
#include "tests/sim/sim_ledger.h"
#include "tests/unit/ledger/samples.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

class RecordsTest : public testing::Test {
 protected:
  // Runs `life` on records that are open, and stops them.
  void live(const std::function<Task<>(Records&)>& life) {
    const auto body = [&]() -> Task<> {
      sim::SimLedger ledger(world_.loop, disk_, "line-1");
      Records records(world_.loop, ledger, [this] { ++changes_; });
      const Status opened = co_await records.open("1.0");
      EXPECT_TRUE(opened);
      if (opened) co_await life(records);
      co_await records.stop();
      co_await ledger.close();
    };
    world_.loop.run(body());
  }
  template <class E>
  int count() {
    int found = 0;
    for (const Entry& entry : disk_.entries()) found += std::holds_alternative<E>(entry.event);
    return found;
  }
  // A job and an attempt of this life.
  Task<EventId> begin_attempt(Records& records, std::uint64_t index = 7) {
    const auto job = co_await records.append(job_started(std::to_string(index)));
    EXPECT_TRUE(job);
    const auto attempt = co_await records.append(attempt_started(*job, "aa", index));
    EXPECT_TRUE(attempt);
    co_return *attempt;
  }
  static Task<> in_order(const Records& records) {
    while (!records.in_order()) (void)co_await sleep_for(100ms);
  }

  Simulated world_;
  sim::SimDisk disk_{1};
  int changes_ = 0;
};

TEST_F(RecordsTest, ALedgerThatDoesNotOpenIsNoStation) {
  disk_.set_broken(true);
  const auto body = [&]() -> Task<> {
    sim::SimLedger ledger(world_.loop, disk_, "line-1");
    Records records(world_.loop, ledger, [] {});
    EXPECT_TRUE((co_await records.open("1.0")).failed_with(Code::kIo));
    EXPECT_FALSE(records.in_order());
    EXPECT_TRUE((co_await records.append(DaemonStarted{"x"})).failed_with(Code::kIo));
    co_await records.stop();
    co_await ledger.close();
  };
  world_.loop.run(body());
}

TEST_F(RecordsTest, WhatAFormerLifeLeftOpenEndsAsUnknownAndOnce) {
  live([&](Records& records) -> Task<> { (void)co_await begin_attempt(records); });
  for (int life = 0; life < 2; ++life) {
    live([](Records&) -> Task<> { co_return; });
    ASSERT_EQ(count<AttemptEnded>(), 1);
    ASSERT_EQ(count<JobEnded>(), 1);
  }
  for (const Entry& entry : disk_.entries()) {
    if (const auto* job = std::get_if<JobEnded>(&entry.event)) {
      EXPECT_EQ(job->reason, "interrupted");
    }
    const auto* attempt = std::get_if<AttemptEnded>(&entry.event);
    if (attempt == nullptr) continue;
    EXPECT_EQ(attempt->verdict, Verdict::kUnknown);
    EXPECT_NE(attempt->reason.find("program the board again"), std::string::npos);
  }
}

TEST_F(RecordsTest, AFailureIsSaidAndNothingIsTakenUntilItIsMended) {
  live([&](Records& records) -> Task<> {
    disk_.set_broken(true);
    EXPECT_TRUE((co_await records.append(job_started("r-1"))).failed_with(Code::kIo));
    EXPECT_FALSE(records.in_order());
    EXPECT_EQ(records.trouble(), "the simulated disk is full: free space on it");
    EXPECT_EQ(changes_, 1);
    const auto refused = co_await records.append(job_started("r-2"));
    EXPECT_TRUE(refused.failed_with(Code::kIo));
    EXPECT_NE(refused.error().message().find("free space"), std::string::npos);
    (void)co_await sleep_for(60s);
    EXPECT_FALSE(records.in_order());
    disk_.set_broken(false);
    co_await in_order(records);
    EXPECT_EQ(records.trouble(), "");
    EXPECT_TRUE(co_await records.append(job_started("r-3")));
  });
}

// Those that wait behind it fail as well, and their words are the last to come.
TEST_F(RecordsTest, TheTroubleKeepsItsReason) {
  live([&](Records& records) -> Task<> {
    disk_.set_broken(true);
    Scope scope(world_.loop, "appends");
    const auto append = [&records](int i) -> Task<> {
      EXPECT_FALSE(co_await records.append(job_started(std::to_string(i))));
    };
    for (int i = 0; i < 4; ++i) {
      scope.spawn("append", append(i));
      (void)co_await sleep_for(1us);
    }
    co_await scope.join();
    EXPECT_NE(records.trouble().find("free space on it"), std::string::npos) << records.trouble();
  });
}

// The disk wrote, and said that it did not: the second time it must be found and not be repeated.
TEST_F(RecordsTest, WhatBecameDurableInAFailureIsFound) {
  live([&](Records& records) -> Task<> {
    const EventId attempt = co_await begin_attempt(records);
    for (const bool written : {true, false}) {
      disk_.fail_next(written);
      const auto event = co_await records.append_surely(attempt_ended(attempt, Verdict::kPass));
      EXPECT_TRUE(event);
      EXPECT_EQ(disk_.entries()[event->n - 1].event,
                LedgerEvent(attempt_ended(attempt, Verdict::kPass)));
      EXPECT_EQ(count<AttemptEnded>(), written ? 1 : 2);
    }
  });
}

TEST_F(RecordsTest, AnEndIsRecordedHoweverLongTheDiskIsFull) {
  live([&](Records& records) -> Task<> {
    const EventId attempt = co_await begin_attempt(records);
    disk_.set_broken(true);
    std::optional<EventId> recorded;
    Scope scope(world_.loop, "end");
    const auto end = [&]() -> Task<> {
      const auto event = co_await records.append_surely(attempt_ended(attempt, Verdict::kPass));
      EXPECT_TRUE(event);
      recorded = *event;
    };
    scope.spawn("end", end());
    (void)co_await sleep_for(1h);
    EXPECT_FALSE(recorded);
    disk_.set_broken(false);
    co_await scope.join();
    EXPECT_TRUE(recorded);
    EXPECT_EQ(count<AttemptEnded>(), 1);
    // One append, and tries to open it for an hour.
    EXPECT_GT(records.counts().failures, 100U);
  });
}

// What is at work in this life is not dead because the disk was full for a while.
TEST_F(RecordsTest, MendingEndsOnlyWhatIsDead) {
  live([&](Records& records) -> Task<> {
    const EventId attempt = co_await begin_attempt(records);
    // Its start became durable, and whoever began it was told that it had not.
    disk_.fail_next(true);
    EXPECT_FALSE(co_await records.append(attempt_started({1, 3}, "bb", 8)));
    co_await in_order(records);
    EXPECT_EQ(count<AttemptEnded>(), 1);
    const auto& last = std::get<AttemptEnded>(disk_.entries().back().event);
    EXPECT_EQ(last.attempt, EventId(attempt.epoch, attempt.n + 1));
    EXPECT_EQ(last.verdict, Verdict::kUnknown);
    EXPECT_EQ(count<JobEnded>(), 0);
    EXPECT_TRUE(co_await records.append_surely(attempt_ended(attempt, Verdict::kPass)));
  });
}

TEST_F(RecordsTest, StoppingGivesUpWhatCannotBeRecorded) {
  live([&](Records& records) -> Task<> {
    const EventId attempt = co_await begin_attempt(records);
    disk_.set_broken(true);
    Scope scope(world_.loop, "end");
    const auto end = [&]() -> Task<> {
      EXPECT_TRUE((co_await records.append_surely(attempt_ended(attempt, Verdict::kPass)))
                      .failed_with(Code::kClosed));
    };
    scope.spawn("end", end());
    (void)co_await sleep_for(10s);
    co_await records.stop();
    co_await scope.join();
  });
  EXPECT_EQ(count<AttemptEnded>(), 0);
  disk_.set_broken(false);
  live([](Records&) -> Task<> { co_return; });
  EXPECT_EQ(count<AttemptEnded>(), 1);
}

// No number twice, whatever became of the attempt that was to have it.
TEST_F(RecordsTest, ANumberThatMayBeOnTheDiskIsNotGivenAgain) {
  live([&](Records& records) -> Task<> {
    EXPECT_EQ(records.take_index("tone", 7), 7U);
    const EventId attempt = co_await begin_attempt(records, 7);
    EXPECT_EQ(records.take_index("tone", 1), 8U);
    EXPECT_EQ(records.take_index("other", 0), 0U);
    disk_.fail_next(true);
    EXPECT_FALSE(co_await records.append(attempt_started(attempt, "bb", 8)));
    co_await in_order(records);
    EXPECT_EQ(records.take_index("tone", 1), 9U);
    disk_.fail_next(false);
    EXPECT_FALSE(co_await records.append(attempt_started(attempt, "cc", 9)));
    co_await in_order(records);
    EXPECT_EQ(records.take_index("tone", 1), 9U) << "nobody has it";
    EXPECT_EQ(records.take_index("tone", 100), 100U);
  });
  live([](Records& records) -> Task<> {
    EXPECT_EQ(records.take_index("tone", 1), 9U);
    co_return;
  });
}

TEST_F(RecordsTest, AUnitIsWorkedOnInOneSlotAtATime) {
  live([](Records& records) -> Task<> {
    EXPECT_TRUE(records.claim_unit("AA", "1"));
    const Status second = records.claim_unit("AA", "2");
    EXPECT_TRUE(second.failed_with(Code::kBusy));
    EXPECT_EQ(second.error().message(), "slot 1 has a board that says it is the same chip (AA)");
    EXPECT_TRUE(records.claim_unit("BB", "2"));
    records.release_unit("AA");
    EXPECT_TRUE(records.claim_unit("AA", "2"));
    co_return;
  });
}

}  // namespace
}  // namespace gangd
