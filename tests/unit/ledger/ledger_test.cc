// What every ledger promises, held by the one in a file and by the simulated one: a simulation
// proves nothing on a ledger that behaves otherwise.
#include "ledger/ledger.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "ledger/sqlite_ledger.h"
#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/sim/sim_ledger.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/ledger/samples.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

class LedgerTest : public testing::TestWithParam<bool> {
 protected:
  // A ledger on what the test has written so far, for one life of the daemon.
  void live(const std::function<Task<>(Ledger&, Loop&)>& life) {
    const auto body = [&]() -> Task<> {
      if (GetParam()) {
        SqliteLedger ledger(world_.loop, folder_.file("ledger.db"), "line-1",
                            folder_.file("station.key"));
        co_await life(ledger, world_.loop);
        co_await ledger.close();
      } else {
        sim::SimLedger ledger(world_.loop, disk_, "line-1");
        co_await life(ledger, world_.loop);
        co_await ledger.close();
      }
    };
    world_.loop.run(body());
  }

 private:
  Simulated world_;
  Folder folder_;
  sim::SimDisk disk_{1};
};

TEST_P(LedgerTest, BeginsWithItsStation) {
  live([](Ledger& ledger, Loop&) -> Task<> {
    const auto state = co_await ledger.open();
    EXPECT_TRUE(state);
    EXPECT_TRUE(state->open_jobs.empty());
    EXPECT_EQ(ledger.newest(), (EventId{1, 1}));
    const auto entries = co_await ledger.entries({}, 10);
    EXPECT_EQ(entries->size(), 1U);
    const auto* began = std::get_if<LedgerBegan>(&entries->front().event);
    EXPECT_TRUE(began != nullptr && began->station == "line-1");
    EXPECT_TRUE(began != nullptr && began->public_key != PublicKey());
  });
}

TEST_P(LedgerTest, IdsFollowWithoutAGapAndInTheOrderOfTheCalls) {
  live([](Ledger& ledger, Loop& loop) -> Task<> {
    (void)co_await ledger.open();
    std::vector<EventId> firsts(20);
    Scope scope(loop, "appends");
    const auto append = [&](std::size_t i) -> Task<> {
      std::vector<LedgerEvent> events(i % 3 + 1, DaemonStarted{std::to_string(i)});
      const auto first = co_await ledger.append(std::move(events));
      EXPECT_TRUE(first);
      firsts[i] = *first;
    };
    for (std::size_t i = 0; i < firsts.size(); ++i) scope.spawn("append", append(i));
    co_await scope.join();
    std::uint64_t n = 2;
    for (std::size_t i = 0; i < firsts.size(); ++i) {
      EXPECT_EQ(firsts[i], (EventId{1, n}));
      n += i % 3 + 1;
    }
    EXPECT_EQ(ledger.newest(), (EventId{1, n - 1}));
    const auto last = co_await ledger.entry({1, n - 1});
    EXPECT_EQ(last->event, LedgerEvent(DaemonStarted{"19"}));
    EXPECT_TRUE((co_await ledger.entry({1, n})).failed_with(Code::kNotFound));
    EXPECT_TRUE((co_await ledger.entry({2, 1})).failed_with(Code::kNotFound));
    EXPECT_TRUE((co_await ledger.entry({1, 0})).failed_with(Code::kNotFound));
    EXPECT_EQ((co_await ledger.entries({1, 5}, 3))->front().id, (EventId{1, 6}));
    EXPECT_EQ((co_await ledger.entries({1, 5}, 3))->size(), 3U);
  });
}

TEST_P(LedgerTest, BeforeOpenNothingIsTaken) {
  live([](Ledger& ledger, Loop&) -> Task<> {
    EXPECT_TRUE((co_await ledger.append({DaemonStarted{"1"}})).failed_with(Code::kClosed));
  });
}

TEST_P(LedgerTest, TheNextLifeFindsWhatWasOpenAndWhichNumbersAreFree) {
  live([](Ledger& ledger, Loop&) -> Task<> {
    (void)co_await ledger.open();
    (void)co_await ledger.append({job_started("r-1")});                                 // 2
    (void)co_await ledger.append({attempt_started({1, 2}, "aa", 7)});                   // 3
    (void)co_await ledger.append({attempt_started({1, 2}, "bb", 8)});                   // 4
    (void)co_await ledger.append({attempt_ended({1, 3}, Verdict::kPass)});              // 5
    (void)co_await ledger.append({job_started("r-2"), JobEnded{{1, 6}, "", "", "x"}});  // 6, 7
  });
  live([](Ledger& ledger, Loop&) -> Task<> {
    const auto state = co_await ledger.open();
    EXPECT_TRUE(state);
    EXPECT_EQ(state->open_jobs, (std::vector<EventId>{{1, 2}}));
    EXPECT_EQ(state->open_attempts, (std::vector<EventId>{{1, 4}}));
    EXPECT_EQ(state->pool_next, (std::map<std::string, std::uint64_t>{{"tone", 9}}));
    EXPECT_EQ(ledger.newest(), (EventId{1, 7}));
  });
}

TEST_P(LedgerTest, TheNextLifeKnowsWhichLeasedNumbersAreFree) {
  live([](Ledger& ledger, Loop&) -> Task<> {
    (void)co_await ledger.open();
    (void)co_await ledger.append({SerialsLeased{"tone", "tone/1/1", 5, 10}});
    (void)co_await ledger.append({SerialsLeased{"tone", "tone/1/2", 100, 10}});
    (void)co_await ledger.append({job_started("r-1"), attempt_started({1, 4}, "aa", 7)});
  });
  live([](Ledger& ledger, Loop&) -> Task<> {
    const auto state = co_await ledger.open();
    EXPECT_EQ(state->leases, (std::vector<SerialLease>{{{1, 2}, "tone", 5, 10, 8},
                                                       {{1, 3}, "tone", 100, 10, 100}}));
  });
}

TEST_P(LedgerTest, AnOutboxFindsItsCursorAgain) {
  live([](Ledger& ledger, Loop&) -> Task<> {
    (void)co_await ledger.open();
    EXPECT_EQ(*co_await ledger.cursor("mes"), EventId());
    EXPECT_TRUE(co_await ledger.keep_cursor("mes", {1, 7}));
    EXPECT_TRUE(co_await ledger.keep_cursor("mes", {2, 9}));
    EXPECT_TRUE(co_await ledger.keep_cursor("other", {1, 1}));
  });
  live([](Ledger& ledger, Loop&) -> Task<> {
    (void)co_await ledger.open();
    EXPECT_EQ(*co_await ledger.cursor("mes"), (EventId{2, 9}));
  });
}

TEST_P(LedgerTest, AUnitIsTheSumOfItsAttempts) {
  live([](Ledger& ledger, Loop&) -> Task<> {
    (void)co_await ledger.open();
    (void)co_await ledger.append({job_started("r-1"), attempt_started({1, 2}, "aa", 7)});
    auto unit = *co_await ledger.unit("aa");
    EXPECT_EQ(unit->attempts, 1U);
    EXPECT_EQ(unit->last_attempt, (EventId{1, 3}));
    EXPECT_FALSE(unit->last_verdict);
    (void)co_await ledger.append({attempt_ended({1, 3}, Verdict::kFail)});
    unit = *co_await ledger.unit("aa");
    EXPECT_EQ(unit->last_verdict, Verdict::kFail);
    (void)co_await ledger.append({attempt_started({1, 2}, "aa", 7)});
    (void)co_await ledger.append({attempt_ended({1, 5}, Verdict::kPass)});
    unit = *co_await ledger.unit("aa");
    EXPECT_EQ(unit->attempts, 2U);
    EXPECT_EQ(unit->last_verdict, Verdict::kPass);
    EXPECT_EQ(unit->numbers, (std::vector<UnitNumber>{number_at(7)}));
    EXPECT_FALSE((co_await ledger.unit("bb"))->has_value());
    EXPECT_FALSE((co_await ledger.other_holder("T1007", "aa"))->has_value());
    EXPECT_FALSE((co_await ledger.other_holder("T1008", "bb"))->has_value());
    EXPECT_EQ((co_await ledger.other_holder("T1007", "bb"))->value(), "aa");
  });
}

// A cut in one product's image, which another product's PASS does not make good.
TEST_P(LedgerTest, AUnitIsSoundWhenAllThatWasLeftHalfDoneWasDoneAnew) {
  live([](Ledger& ledger, Loop&) -> Task<> {
    (void)co_await ledger.open();
    constexpr std::uint32_t kAt = 0x9000'0000;
    const auto job = [&ledger](std::uint32_t address, std::uint64_t size) -> Task<EventId> {
      JobStarted started = job_started("");
      started.image_extents = {{"a.bin", address, size, digest_of("a")}};
      co_return *co_await ledger.append({started});
    };
    // Its bytes_found_blank is `blank`; measured is what it was to write, in two halves.
    const auto attempt = [&ledger](EventId job_id, Verdict verdict, std::vector<Extent> measured,
                                   std::uint64_t blank = 0) -> Task<> {
      AttemptStarted started = attempt_started(job_id, "aa", 7);
      started.unit_extents.clear();
      AttemptEnded end = attempt_ended(*co_await ledger.append({started}), verdict);
      end.measured = std::move(measured);
      end.bytes_found_same = 0;
      end.bytes_found_blank = blank;
      (void)co_await ledger.append({end});
    };
    const auto is_sound = [&ledger]() -> Task<bool> { co_return *co_await ledger.is_sound("aa"); };
    const Extent first = {"a.bin", kAt, 4000, {}};
    const Extent second = {"b.bin", kAt + 4000, 4000, {}};
    const Extent other = {"c.bin", kAt + 8000, 4000, {}};
    const EventId large = co_await job(kAt, 8000);
    const EventId elsewhere = co_await job(other.address, other.size);
    EXPECT_TRUE(co_await is_sound());
    co_await attempt(large, Verdict::kPass, {first, second}, 4096);
    EXPECT_TRUE(co_await is_sound());
    co_await attempt(large, Verdict::kFail, {});
    EXPECT_FALSE(co_await is_sound());
    co_await attempt(elsewhere, Verdict::kPass, {other});
    EXPECT_FALSE(co_await is_sound());
    co_await attempt(large, Verdict::kPass, {second, first}, 4096);
    EXPECT_FALSE(co_await is_sound()) << "it believed what seemed to be blank";
    co_await attempt(large, Verdict::kPass, {second, first});
    EXPECT_TRUE(co_await is_sound());
    co_await attempt(large, Verdict::kUnknown, {});
    co_await attempt(large, Verdict::kPass, {first});
    EXPECT_FALSE(co_await is_sound()) << "a smaller image";
    co_await attempt(elsewhere, Verdict::kPass, {second});
    EXPECT_TRUE(co_await is_sound()) << "piece by piece";
  });
}

TEST_P(LedgerTest, ARequestLeadsToItsEventInEveryLife) {
  live([](Ledger& ledger, Loop&) -> Task<> {
    (void)co_await ledger.open();
    (void)co_await ledger.append({job_started("r-1")});
    (void)co_await ledger.append({JobEnded{{1, 2}, "r-2", "operator", "stopped"}});
  });
  live([](Ledger& ledger, Loop&) -> Task<> {
    (void)co_await ledger.open();
    EXPECT_EQ((co_await ledger.request("r-1"))->value().id, (EventId{1, 2}));
    EXPECT_EQ((co_await ledger.request("r-2"))->value().id, (EventId{1, 3}));
    EXPECT_FALSE((co_await ledger.request("r-3"))->has_value());
  });
}

TEST_P(LedgerTest, WhoWaitsForGrowthIsWoken) {
  live([](Ledger& ledger, Loop& loop) -> Task<> {
    (void)co_await ledger.open();
    Scope scope(loop, "reader");
    EventId seen;
    const auto wait = [&]() -> Task<> {
      EXPECT_TRUE(co_await ledger.grown({1, 1}));
      seen = ledger.newest();
    };
    scope.spawn("wait", wait());
    (void)co_await ledger.append({DaemonStarted{"1"}});
    co_await scope.join();
    EXPECT_EQ(seen, (EventId{1, 2}));
  });
}

// Once begun, the outcome of an append is the true one; not begun, nothing was appended.
TEST_P(LedgerTest, ACancelledAppendTellsTheTruth) {
  live([](Ledger& ledger, Loop& loop) -> Task<> {
    (void)co_await ledger.open();
    Scope scope(loop, "appends");
    int appended = 0;
    const auto append = [&]() -> Task<> {
      const auto first = co_await ledger.append({DaemonStarted{"1"}});
      if (first) ++appended;
      const auto second = co_await ledger.append({DaemonStarted{"2"}});
      EXPECT_TRUE(second.failed_with(Code::kCancelled));
    };
    for (int i = 0; i < 5; ++i) scope.spawn("append", append());
    co_await yield();
    scope.cancel();
    co_await scope.join();
    EXPECT_EQ((co_await ledger.entries({1, 1}, 100))->size(), static_cast<std::size_t>(appended));
    EXPECT_TRUE(co_await ledger.append({DaemonStarted{"3"}}));
  });
}

INSTANTIATE_TEST_SUITE_P(Both, LedgerTest, testing::Bool(),
                         [](const auto& which) { return which.param ? "Sqlite" : "Simulated"; });

}  // namespace
}  // namespace gangd
