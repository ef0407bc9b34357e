// The MES was down all night, or its answer was lost, or gangd was killed: it must hear of every
// attempt, in order, and whatever it hears twice under the name that it knows.
#include "station/outbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>

#include "loop/sleep.h"
#include "tests/sim/sim_ledger.h"
#include "tests/unit/ledger/samples.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

class Ear final : public MesLink {
 public:
  bool is_there() const override { return true; }
  Task<Status> authorize(MesUnit) override { co_return Status(); }
  Task<Result<MesNumbers>> lease(MesLease) override { co_return MesNumbers(); }
  Task<Status> report(MesReport report) override {
    CO_TRY_STATUS(co_await sleep_for(1ms));
    if (is_down) co_return Error(Code::kTimeout, "the MES gave no answer");
    heard.push_back(report.event);
    last = report;
    if (loses_answers) co_return Error(Code::kTimeout, "the MES gave no answer");
    co_return Status();
  }
  std::vector<EventId> heard;
  MesReport last;
  bool is_down = false;
  bool loses_answers = false;
};

class OutboxTest : public testing::Test {
 protected:
  void live(const std::function<Task<>(Ledger&, Outbox&)>& life) {
    const auto body = [&]() -> Task<> {
      sim::SimLedger ledger(world_.loop, disk_, "line-1");
      EXPECT_TRUE(co_await ledger.open());
      Outbox outbox(world_.loop, ledger, mes_, [this] { ++changes_; });
      outbox.start();
      co_await life(ledger, outbox);
      co_await outbox.stop();
      co_await ledger.close();
    };
    world_.loop.run(body());
  }
  // The event of its end.
  static Task<EventId> attempt(Ledger& ledger, const std::string& uid) {
    const auto job = co_await ledger.append({job_started("r-" + uid)});
    const auto start = co_await ledger.append({attempt_started(*job, uid, ++serial_)});
    const auto end = co_await ledger.append({attempt_ended(*start, Verdict::kPass)});
    co_return *end;
  }

  static inline std::uint64_t serial_ = 0;
  Simulated world_;
  sim::SimDisk disk_{1};
  Ear mes_;
  int changes_ = 0;
};

TEST_F(OutboxTest, WhatEndsIsReportedAsItIsOnRecord) {
  live([&](Ledger& ledger, Outbox& outbox) -> Task<> {
    const EventId end = co_await attempt(ledger, "aa");
    (void)co_await sleep_for(1s);
    EXPECT_EQ(mes_.heard, (std::vector<EventId>{end}));
    EXPECT_EQ(mes_.last.attempt.uid, "aa");
    EXPECT_EQ(mes_.last.job.product, "tone");
    EXPECT_EQ(mes_.last.end.verdict, Verdict::kPass);
    EXPECT_LE(mes_.last.started_at, mes_.last.ended_at);
    EXPECT_EQ(outbox.cursor(), end);
    EXPECT_EQ(disk_.cursors().at("mes"), end);
  });
}

TEST_F(OutboxTest, AMesThatIsDownForHoursLosesNothing) {
  std::vector<EventId> ends;
  live([&](Ledger& ledger, Outbox& outbox) -> Task<> {
    mes_.is_down = true;
    for (int i = 0; i < 250; ++i) ends.push_back(co_await attempt(ledger, std::to_string(i)));
    (void)co_await sleep_for(5h);
    EXPECT_NE(outbox.trouble(), "");
    EXPECT_EQ(changes_, 1) << "it is said once";
    mes_.is_down = false;
    (void)co_await sleep_for(1min);
    EXPECT_EQ(mes_.heard, ends);
    EXPECT_EQ(outbox.trouble(), "");
  });
}

TEST_F(OutboxTest, ALostAnswerIsAskedForUntilItComes) {
  live([&](Ledger& ledger, Outbox&) -> Task<> {
    mes_.loses_answers = true;
    const EventId end = co_await attempt(ledger, "aa");
    (void)co_await sleep_for(1min);
    EXPECT_GT(mes_.heard.size(), 2U);
    EXPECT_EQ(std::ranges::count(mes_.heard, end), std::ssize(mes_.heard));
    mes_.loses_answers = false;
    const EventId next = co_await attempt(ledger, "bb");
    (void)co_await sleep_for(1min);
    EXPECT_EQ(mes_.heard.back(), next);
  });
}

// The next life tells what the one before did not, and no more than it must.
TEST_F(OutboxTest, TheNextLifeGoesOnWhereItWas) {
  EventId told;
  EventId untold;
  live([&](Ledger& ledger, Outbox&) -> Task<> {
    told = co_await attempt(ledger, "aa");
    (void)co_await sleep_for(1s);
    mes_.is_down = true;
    untold = co_await attempt(ledger, "bb");
  });
  mes_.is_down = false;
  live([](Ledger&, Outbox&) -> Task<> { (void)co_await sleep_for(1min); });
  EXPECT_EQ(mes_.heard, (std::vector<EventId>{told, untold}));
}

TEST_F(OutboxTest, ADiskThatFailsOnlyMakesItTellAgain) {
  std::vector<EventId> ends;
  live([&](Ledger& ledger, Outbox&) -> Task<> {
    ends.push_back(co_await attempt(ledger, "aa"));
    disk_.set_broken(true);
    (void)co_await sleep_for(1min);
    disk_.set_broken(false);
    EXPECT_TRUE(co_await ledger.open());
    ends.push_back(co_await attempt(ledger, "bb"));
    (void)co_await sleep_for(1min);
  });
  std::set<EventId> heard(mes_.heard.begin(), mes_.heard.end());
  EXPECT_EQ(heard, std::set<EventId>(ends.begin(), ends.end()));
}

}  // namespace
}  // namespace gangd
