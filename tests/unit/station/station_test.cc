// Orders, slots and what stands on record, on a simulated floor. The world of
// tests/sim/station_world tries everything at random; here is each rule by name.
#include "station/station.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/sim/factory.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

sim::Factory::Options acknowledging() {
  sim::Factory::Options options;
  options.fails_are_acknowledged = true;
  return options;
}

sim::Factory::Options numbers_of_the_mes() {
  sim::Factory::Options options;
  options.serials_from_mes = true;
  return options;
}

class StationTest : public testing::Test {
 protected:
  // Runs `test` in a factory whose two boards are plugged in and whose gangd is started.
  void run(const std::function<Task<>(sim::Factory&)>& test, sim::Factory::Options options = {}) {
    const auto body = [&]() -> Task<> {
      options.image_bytes = 3000;
      sim::Factory factory(world_.loop, world_.port, 1, options);
      for (int board = 0; board < 2; ++board) factory.bus().plug(factory.place(board));
      EXPECT_TRUE(co_await factory.start());
      co_await test(factory);
      co_await factory.stop();
    };
    world_.loop.run(body());
  }

  static StartJob order(const std::string& request, bool once = true) {
    return {request, "operator", std::string(sim::kProduct), {}, once};
  }
  static Task<> ended(sim::Factory& factory) {
    Station& station = factory.station();
    while (station.jobs().back().running) (void)co_await station.changed(station.revision());
  }
  static Task<> until(sim::Factory& factory, std::function<bool(const SlotView&)> holds) {
    Station& station = factory.station();
    while (!holds(station.slots()[0])) (void)co_await station.changed(station.revision());
  }
  template <class T>
  static std::string words(const Result<T>& result) {
    return result ? "" : result.error().message();
  }
  template <class E>
  static int count(sim::Factory& factory) {
    int found = 0;
    for (const Entry& entry : factory.disk().entries()) {
      found += std::holds_alternative<E>(entry.event);
    }
    return found;
  }

  Simulated world_;
};

TEST_F(StationTest, AJobThatTakesOneBoardASlotEndsByItself) {
  run([](sim::Factory& factory) -> Task<> {
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1")));
    co_await ended(factory);
    const JobView job = factory.station().jobs().back();
    EXPECT_EQ(job.reason, "finished");
    EXPECT_EQ(job.passed, 2U);
    for (const SlotView& slot : factory.station().slots()) {
      EXPECT_EQ(slot.state, SlotState::kEnded);
      EXPECT_EQ(slot.outcome->verdict, Verdict::kPass);
      EXPECT_EQ(slot.outcome->expected, slot.outcome->measured);
    }
  });
}

// A chip that is given a second serial is a copy, a mix-up or a product with the wrong pool: more
// boards in this slot would only hide it.
TEST_F(StationTest, ASecondSerialForAUnitStopsTheSlot) {
  run([](sim::Factory& factory) -> Task<> {
    Station& station = factory.station();
    EXPECT_TRUE(co_await station.start_job(order("r-1")));
    co_await ended(factory);
    const std::string serial = station.slots()[0].numbers.front().value;
    StartJob other = order("r-2", false);
    other.product = sim::kProductOfAnotherPool;
    other.slots = {"1"};
    const auto job = co_await station.start_job(other);
    EXPECT_TRUE(job);
    const auto is_stopped = [](const SlotView& slot) {
      return slot.hint.find("stopped: ") != std::string::npos;
    };
    co_await until(factory, [&](const SlotView& slot) {
      return slot.state == SlotState::kEnded && is_stopped(slot);
    });
    const SlotView refused = station.slots()[0];
    EXPECT_EQ(refused.outcome->verdict, Verdict::kFail);
    EXPECT_NE(refused.hint.find("has serial " + serial + " of pool tone"), std::string::npos);
    EXPECT_NE(refused.hint.find("take the board aside"), std::string::npos);
    const auto* on_record = std::get_if<AttemptEnded>(&factory.disk().entries().back().event);
    EXPECT_TRUE(on_record != nullptr && on_record->code == "conflict");
    // It stays so for this job, whatever is plugged in.
    factory.bus().unplug(factory.place(0));
    co_await until(factory, [&](const SlotView& slot) {
      return slot.state == SlotState::kEmpty && is_stopped(slot);
    });
    factory.bus().plug(factory.place(0));
    co_await until(factory, [&](const SlotView& slot) {
      return slot.state == SlotState::kWaiting && is_stopped(slot);
    });
    EXPECT_EQ(count<AttemptStarted>(factory), 3);
    // Until somebody has looked into it.
    EXPECT_TRUE(co_await station.stop_job({"s-1", "operator", *job}));
    EXPECT_TRUE(co_await station.start_job(order("r-3")));
    co_await until(factory, [](const SlotView& slot) {
      return slot.outcome && slot.outcome->verdict == Verdict::kPass;
    });
    EXPECT_EQ(station.slots()[0].numbers.front().value, serial);
  });
}

TEST_F(StationTest, WhatWasDoneIsCounted) {
  run([](sim::Factory& factory) -> Task<> {
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1")));
    EXPECT_EQ(factory.station().counters().products.at("tone").attempts, VerdictCounts{});
    co_await ended(factory);
    const StationCounters first = factory.station().counters();
    const ProductCounts& tone = first.products.at("tone");
    EXPECT_EQ(tone.attempts, (VerdictCounts{2, 0, 0}));
    EXPECT_EQ(first.slots.at("2"), (VerdictCounts{1, 0, 0}));
    // Image and serial.
    EXPECT_EQ(tone.bytes_written, 2U * (3000 + 32));
    EXPECT_EQ(tone.bytes_found_same, 0U);
    EXPECT_GT(tone.cycle.sum(), 0);
    // The job's beginning and end, and those of its two attempts.
    const auto& commits = first.ledger.commit.counts();
    EXPECT_EQ(std::accumulate(commits.begin(), commits.end(), 0U), 6U);
    // What is there already is not written again.
    EXPECT_TRUE(co_await factory.station().start_job(order("r-2")));
    co_await ended(factory);
    const StationCounters second = factory.station().counters();
    EXPECT_EQ(second.products.at("tone").bytes_written, tone.bytes_written);
    EXPECT_EQ(second.products.at("tone").bytes_found_same, tone.bytes_written);
    EXPECT_EQ(second.began, first.began);
  });
}

TEST_F(StationTest, TheSameRequestIsTheSameJob) {
  run([](sim::Factory& factory) -> Task<> {
    const auto first = co_await factory.station().start_job(order("r-1"));
    EXPECT_EQ(*co_await factory.station().start_job(order("r-1")), *first);
    EXPECT_TRUE(
        (co_await factory.station().start_job(order("r-1", false))).failed_with(Code::kInvalid));
    co_await ended(factory);
    EXPECT_EQ(*co_await factory.station().start_job(order("r-1")), *first);
    EXPECT_EQ(count<JobStarted>(factory), 1);
  });
}

TEST_F(StationTest, OrdersThatAreWrongSayWhatToDo) {
  run([](sim::Factory& factory) -> Task<> {
    Station& station = factory.station();
    EXPECT_NE(words(co_await station.start_job(order(""))).find("1 to 128"), std::string::npos);
    StartJob unknown_slot = order("r-1");
    unknown_slot.slots = {"7"};
    EXPECT_NE(words(co_await station.start_job(unknown_slot)).find("there are: 1, 2"),
              std::string::npos);
    StartJob unknown_product = order("r-1");
    unknown_product.product = "tune";
    EXPECT_TRUE((co_await station.start_job(unknown_product)).failed_with(Code::kNotFound));
    // None of them used the request up.
    const auto job = co_await station.start_job(order("r-1", false));
    EXPECT_TRUE(job);
    EXPECT_NE(words(co_await station.start_job(order("r-2"))).find("stop that first"),
              std::string::npos);
    EXPECT_TRUE(
        (co_await station.stop_job({"s-1", "operator", {1, 99}})).failed_with(Code::kNotFound));
    EXPECT_TRUE(co_await station.stop_job({"s-1", "operator", *job}));
    EXPECT_TRUE(co_await station.stop_job({"s-1", "operator", *job}));
    EXPECT_EQ(count<JobEnded>(factory), 1);
  });
}

TEST_F(StationTest, ABoardThatIsPutBackIsProgrammedAgainWithItsSerial) {
  run([](sim::Factory& factory) -> Task<> {
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1", false)));
    const auto passed = [](const SlotView& slot) {
      return slot.outcome && slot.outcome->verdict == Verdict::kPass;
    };
    co_await until(factory, passed);
    const auto numbers = factory.station().slots()[0].numbers;
    const auto attempt = factory.station().slots()[0].attempt;
    factory.bus().unplug(factory.place(0));
    co_await until(factory, [](const auto& slot) { return slot.state == SlotState::kEmpty; });
    factory.bus().plug(factory.place(0));
    co_await until(factory, passed);
    EXPECT_EQ(factory.station().slots()[0].numbers, numbers);
    EXPECT_NE(factory.station().slots()[0].attempt, attempt);
  });
}

// Fails the board of slot 1, by pulling it while it is erased.
Task<> fail_first_board(sim::Factory& factory) {
  Station& station = factory.station();
  while (station.slots()[0].step != "erase") (void)co_await station.changed(station.revision());
  factory.bus().unplug(factory.place(0));
  while (station.slots()[0].state != SlotState::kEnded) {
    (void)co_await station.changed(station.revision());
  }
}

// The next board, put in at once, would wipe the FAIL away before anybody looked.
TEST_F(StationTest, AFailStandsAndTheNextBoardWaitsUntilItIsAcknowledged) {
  run(
      [](sim::Factory& factory) -> Task<> {
        Station& station = factory.station();
        EXPECT_TRUE(co_await station.start_job(order("r-1", false)));
        co_await fail_first_board(factory);
        const EventId attempt = *station.slots()[0].attempt;
        factory.bus().plug(factory.place(0));
        (void)co_await sleep_for(60s);
        EXPECT_EQ(station.slots()[0].attempt, attempt);
        EXPECT_EQ(station.slots()[0].acknowledgement, Acknowledgement::kWanted);
        EXPECT_NE(station.slots()[0].hint.find("acknowledge"), std::string::npos);
        EXPECT_TRUE(co_await station.acknowledge({"a-1", "operator", "1", attempt}));
        EXPECT_TRUE(co_await station.acknowledge({"a-1", "operator", "1", attempt}));
        EXPECT_EQ(count<AttemptAcknowledged>(factory), 1);
        co_await until(factory, [](const SlotView& slot) {
          return slot.outcome && slot.outcome->verdict == Verdict::kPass;
        });
      },
      acknowledging());
}

TEST_F(StationTest, AFailStandsAgainAfterAKill) {
  run(
      [](sim::Factory& factory) -> Task<> {
        EXPECT_TRUE(co_await factory.station().start_job(order("r-1", false)));
        co_await fail_first_board(factory);
        const AttemptOutcome before = *factory.station().slots()[0].outcome;
        factory.kill();
        EXPECT_TRUE(co_await factory.start());
        const SlotView slot = factory.station().slots()[0];
        EXPECT_EQ(slot.state, SlotState::kEnded);
        EXPECT_EQ(slot.acknowledgement, Acknowledgement::kWanted);
        EXPECT_EQ(slot.outcome->event, before.event);
        EXPECT_EQ(slot.outcome->reason, before.reason);
        EXPECT_EQ(slot.outcome->expected, before.expected);
        EXPECT_TRUE(
            co_await factory.station().acknowledge({"a-1", "operator", "1", before.attempt}));
        co_await until(factory, [](const auto& view) { return view.state == SlotState::kEmpty; });
        factory.kill();
        EXPECT_TRUE(co_await factory.start());
        EXPECT_EQ(factory.station().slots()[0].state, SlotState::kEmpty);
      },
      acknowledging());
}

TEST_F(StationTest, OnlyTheFailThatIsShownIsAcknowledged) {
  run(
      [](sim::Factory& factory) -> Task<> {
        Station& station = factory.station();
        const auto job = co_await station.start_job(order("r-1", false));
        co_await fail_first_board(factory);
        const EventId attempt = *station.slots()[0].attempt;
        EXPECT_TRUE((co_await station.acknowledge({"", "operator", "1", attempt}))
                        .failed_with(Code::kInvalid));
        EXPECT_TRUE((co_await station.acknowledge({"a-1", "operator", "7", attempt}))
                        .failed_with(Code::kNotFound));
        EXPECT_TRUE((co_await station.acknowledge({"a-1", "operator", "1", *job}))
                        .failed_with(Code::kNotFound));
        EXPECT_TRUE((co_await station.acknowledge({"r-1", "operator", "1", attempt}))
                        .failed_with(Code::kInvalid));
        co_await until(factory, [&](const SlotView&) {
          return station.slots()[1].state == SlotState::kEnded;
        });
        // The other slot has passed.
        EXPECT_TRUE(
            (co_await station.acknowledge({"a-1", "operator", "2", *station.slots()[1].attempt}))
                .failed_with(Code::kNotFound));
        EXPECT_EQ(count<AttemptAcknowledged>(factory), 0);
      },
      acknowledging());
}

// Nobody may take the empty place for one that passed.
TEST_F(StationTest, ThePulledBoardsVerdictStandsUntilTheNextComes) {
  run([](sim::Factory& factory) -> Task<> {
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1", false)));
    co_await until(factory, [](const SlotView& slot) { return slot.step == "erase"; });
    factory.bus().unplug(factory.place(0));
    co_await until(factory, [](const auto& slot) { return slot.state == SlotState::kEnded; });
    (void)co_await sleep_for(60s);
    EXPECT_EQ(factory.station().slots()[0].outcome->verdict, Verdict::kFail);
    factory.bus().plug(factory.place(0));
    co_await until(factory, [](const SlotView& slot) {
      return slot.outcome && slot.outcome->verdict == Verdict::kPass;
    });
  });
}

// The one that comes next has no verdict yet, and must not be taken for the one before it.
TEST_F(StationTest, TheNextBoardDoesNotInheritTheVerdict) {
  run([](sim::Factory& factory) -> Task<> {
    const auto job = co_await factory.station().start_job(order("r-1", false));
    co_await until(factory, [](const SlotView& slot) { return slot.step == "erase"; });
    factory.bus().unplug(factory.place(0));
    co_await until(factory, [](const auto& slot) { return slot.state == SlotState::kEnded; });
    EXPECT_EQ(factory.fixture().lamps.at("1").verdict, Verdict::kFail);
    EXPECT_TRUE(co_await factory.station().stop_job({"s-1", "operator", *job}));
    factory.bus().plug(factory.place(0));
    co_await until(factory, [](const auto& slot) { return slot.state == SlotState::kWaiting; });
    const SlotView slot = factory.station().slots()[0];
    EXPECT_FALSE(slot.outcome);
    EXPECT_FALSE(slot.attempt);
    EXPECT_EQ(slot.uid, "");
    EXPECT_TRUE(slot.numbers.empty());
    EXPECT_FALSE(factory.fixture().lamps.contains("1"));
  });
}

TEST_F(StationTest, WhatIsNoBoardOfTheProductIsShownAndLeftAlone) {
  run([](sim::Factory& factory) -> Task<> {
    factory.bus().unplug(factory.place(0));
    factory.bus().add_hub(factory.place(0), 4);
    co_await until(factory, [](const auto& slot) { return slot.state == SlotState::kWaiting; });
    EXPECT_EQ(factory.station().slots()[0].hint, "no job has this slot: start one");
    const auto job = co_await factory.station().start_job(order("r-1", false));
    co_await until(factory, [](const auto& slot) { return slot.state == SlotState::kForeign; });
    EXPECT_NE(factory.station().slots()[0].hint.find("tone is 1209:0001"), std::string::npos);
    while (factory.station().jobs().back().passed < 1) {
      (void)co_await factory.station().changed(factory.station().revision());
    }
    EXPECT_EQ(count<AttemptStarted>(factory), 1);
    EXPECT_TRUE(co_await factory.station().stop_job({"s-1", "operator", *job}));
  });
}

TEST_F(StationTest, JobsInDifferentSlotsGoOnBesideEachOther) {
  run([](sim::Factory& factory) -> Task<> {
    Station& station = factory.station();
    StartJob first = order("r-1", false);
    first.slots = {"1"};
    StartJob second = order("r-2");
    second.slots = {"2"};
    const auto job = co_await station.start_job(first);
    EXPECT_TRUE(co_await station.start_job(second));
    StartJob third = order("r-3");
    third.slots = {"2", "2"};
    EXPECT_NE(words(co_await station.start_job(third)).find("named twice"), std::string::npos);
    third.slots = {"1"};
    const auto busy = co_await station.start_job(third);
    EXPECT_TRUE(busy.failed_with(Code::kBusy));
    EXPECT_NE(words(busy).find("gangctl job stop " + job->to_string()), std::string::npos);
    co_await ended(factory);
    EXPECT_TRUE(station.jobs().front().running);
    EXPECT_TRUE(co_await station.stop_job({"s-1", "operator", *job}));
    // Its board had its verdict from the job before, and is programmed again for the next.
    EXPECT_TRUE(co_await station.start_job(third));
    co_await ended(factory);
    EXPECT_EQ(station.jobs().back().passed, 1U);
  });
}

// A client that lost its connection asks again while the first order is still on its way.
TEST_F(StationTest, ARequestThatIsBeingWorkedOnIsNotBegunTwice) {
  run([this](sim::Factory& factory) -> Task<> {
    int started = 0;
    int busy = 0;
    const auto ask = [&]() -> Task<> {
      const auto id = co_await factory.station().start_job(order("r-1"));
      started += id.has_value();
      busy += id.failed_with(Code::kBusy);
    };
    Scope clients(world_.loop, "clients");
    for (int i = 0; i < 3; ++i) clients.spawn("client", ask());
    co_await clients.join();
    EXPECT_EQ(started, 1);
    EXPECT_EQ(busy, 2);
    EXPECT_EQ(count<JobStarted>(factory), 1);
    co_await ended(factory);
  });
}

// An operator stops a job because something is wrong: it must not wait for the boards.
TEST_F(StationTest, AStoppedAttemptIsUnknownAndOnRecord) {
  run([](sim::Factory& factory) -> Task<> {
    const auto job = co_await factory.station().start_job(order("r-1", false));
    co_await until(factory, [](const SlotView& slot) { return slot.step == "write"; });
    EXPECT_TRUE(co_await factory.station().stop_job({"s-1", "manager", *job, "CN=anna"}));
    const JobView view = factory.station().jobs().back();
    EXPECT_FALSE(view.running);
    EXPECT_EQ(view.reason, "stopped");
    EXPECT_EQ(view.passed + view.unknown, 2U);
    EXPECT_EQ(factory.station().slots()[0].outcome->verdict, Verdict::kUnknown);
    const auto& last = std::get<JobEnded>(factory.disk().entries().back().event);
    EXPECT_EQ(last.request, "s-1");
    EXPECT_EQ(last.role, "manager");
    EXPECT_EQ(last.subject, "CN=anna");
  });
}

TEST_F(StationTest, WithoutALedgerNoBoardIsTaken) {
  run([](sim::Factory& factory) -> Task<> {
    factory.disk().set_broken(true);
    EXPECT_TRUE((co_await factory.station().start_job(order("r-1"))).failed_with(Code::kIo));
    EXPECT_FALSE(factory.station().view().taking);
    EXPECT_NE(factory.station().view().trouble.find("free space"), std::string::npos);
    (void)co_await sleep_for(10s);
    EXPECT_EQ(count<AttemptStarted>(factory), 0);
    factory.disk().set_broken(false);
    while (!factory.station().view().taking) {
      (void)co_await factory.station().changed(factory.station().revision());
    }
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1")));
    co_await ended(factory);
    EXPECT_EQ(factory.station().jobs().back().passed, 2U);
  });
}

// The disk takes a record and says that it did not.
TEST_F(StationTest, ARecordThatBecameDurableAllTheSameIsNotMadeTwice) {
  run([](sim::Factory& factory) -> Task<> {
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1")));
    co_await until(factory, [](const SlotView& slot) { return slot.step == "verify"; });
    factory.disk().fail_next(true);
    co_await ended(factory);
    EXPECT_EQ(factory.station().jobs().back().passed, 2U);
    EXPECT_EQ(count<AttemptEnded>(factory), 2);
    EXPECT_EQ(count<AttemptStarted>(factory), 2);
  });
}

// PASS is shown when its event is durable, however long that takes.
TEST_F(StationTest, AVerdictWaitsForItsRecord) {
  run([](sim::Factory& factory) -> Task<> {
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1")));
    co_await until(factory, [](const SlotView& slot) { return slot.step == "verify"; });
    factory.disk().set_broken(true);
    co_await until(factory, [](const auto& slot) { return slot.state == SlotState::kRecording; });
    (void)co_await sleep_for(60s);
    EXPECT_EQ(factory.station().slots()[0].state, SlotState::kRecording);
    EXPECT_FALSE(factory.station().slots()[0].outcome);
    factory.disk().set_broken(false);
    co_await ended(factory);
    EXPECT_EQ(factory.station().slots()[0].outcome->verdict, Verdict::kPass);
  });
}

// A work order of one unit: the second board is not begun while the first may complete it.
TEST_F(StationTest, AJobEndsWhenAsManyUnitsHavePassedAsWereOrdered) {
  run([](sim::Factory& factory) -> Task<> {
    StartJob one = order("r-1", false);
    one.work_order = "WO-1";
    one.quantity = 1;
    EXPECT_TRUE(co_await factory.station().start_job(one));
    StartJob two = one;
    two.quantity = 2;
    EXPECT_TRUE((co_await factory.station().start_job(two)).failed_with(Code::kInvalid));
    co_await ended(factory);
    const JobView job = factory.station().jobs().back();
    EXPECT_EQ(job.passed, 1U);
    EXPECT_EQ(job.reason, "finished");
    EXPECT_EQ(count<AttemptStarted>(factory), 1);
    for (const Entry& entry : factory.disk().entries()) {
      const auto* started = std::get_if<JobStarted>(&entry.event);
      if (started == nullptr) continue;
      EXPECT_EQ(started->work_order, "WO-1");
      EXPECT_EQ(started->quantity, 1U);
    }
  });
}

// The same unit twice is one unit.
TEST_F(StationTest, AUnitThatPassesAgainCountsOnce) {
  run([](sim::Factory& factory) -> Task<> {
    factory.bus().unplug(factory.place(1));
    StartJob both = order("r-1", false);
    both.quantity = 2;
    EXPECT_TRUE(co_await factory.station().start_job(both));
    for (std::uint64_t passes = 1; passes <= 2; ++passes) {
      while (factory.station().jobs().back().passed < passes) {
        (void)co_await factory.station().changed(factory.station().revision());
      }
      factory.bus().unplug(factory.place(0));
      (void)co_await sleep_for(3s);
      factory.bus().plug(factory.place(0));
    }
    EXPECT_TRUE(factory.station().jobs().back().running);
    factory.bus().plug(factory.place(1));
    co_await ended(factory);
    EXPECT_EQ(factory.station().jobs().back().reason, "finished");
  });
}

// Without numbers of its own the MES must be asked: the board waits, untouched and unjudged.
TEST_F(StationTest, ABoardWaitsForAMesThatIsDown) {
  run([](sim::Factory& factory) -> Task<> {
    factory.mes().set_down(true);
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1")));
    (void)co_await sleep_for(60s);
    EXPECT_EQ(count<AttemptStarted>(factory), 0);
    co_await until(factory, [](const auto& slot) { return slot.state == SlotState::kWaiting; });
    EXPECT_NE(factory.station().slots()[0].hint.find("MES"), std::string::npos);
    factory.mes().set_down(false);
    co_await ended(factory);
    EXPECT_EQ(factory.station().jobs().back().passed, 2U);
  });
}

TEST_F(StationTest, WithinLeasedNumbersTheLineGoesOnWithoutTheMes) {
  const auto test = [](sim::Factory& factory) -> Task<> {
    StartJob first = order("r-1");
    first.slots = {"1"};
    EXPECT_TRUE(co_await factory.station().start_job(first));
    co_await ended(factory);
    EXPECT_EQ(factory.station().jobs().back().passed, 1U);
    (void)co_await sleep_for(10s);
    factory.mes().set_down(true);
    StartJob second = order("r-2");
    second.slots = {"2"};
    EXPECT_TRUE(co_await factory.station().start_job(second));
    co_await ended(factory);
    EXPECT_EQ(factory.station().jobs().back().passed, 1U);
    std::vector<std::string> allowed;
    for (const Entry& entry : factory.disk().entries()) {
      const auto* started = std::get_if<AttemptStarted>(&entry.event);
      if (started != nullptr) allowed.push_back(started->allowed_by);
    }
    EXPECT_EQ(allowed, (std::vector<std::string>{"mes", "lease"}));
    (void)co_await sleep_for(30s);
    EXPECT_NE(factory.station().view().mes_trouble, "");
    EXPECT_EQ(factory.mes().told().size(), 1U);
    factory.mes().set_down(false);
    (void)co_await sleep_for(60s);
    EXPECT_EQ(factory.mes().told().size(), 2U);
    EXPECT_EQ(factory.station().view().mes_trouble, "");
  };
  run(test, numbers_of_the_mes());
}

// Whoever counts a pool, nobody else does.
TEST_F(StationTest, APoolThatTheStationCountsIsNeverTheMess) {
  run([](sim::Factory& factory) -> Task<> {
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1")));
    co_await ended(factory);
    factory.take_serials_from_mes(true);
    const auto refused = co_await factory.station().start_job(order("r-2"));
    EXPECT_TRUE(refused.failed_with(Code::kInvalid));
    EXPECT_NE(words(refused).find("name another pool"), std::string::npos);
  });
  const auto other = [](sim::Factory& factory) -> Task<> {
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1")));
    co_await ended(factory);
    factory.take_serials_from_mes(false);
    const auto refused = co_await factory.station().start_job(order("r-2"));
    EXPECT_TRUE(refused.failed_with(Code::kInvalid));
    EXPECT_NE(words(refused).find("from = \"mes\""), std::string::npos);
  };
  run(other, numbers_of_the_mes());
}

TEST_F(StationTest, WhatAFormerLifeLeftOpenIsUnknown) {
  run([](sim::Factory& factory) -> Task<> {
    const auto job = co_await factory.station().start_job(order("r-1"));
    co_await until(factory, [](const SlotView& slot) { return slot.step == "write"; });
    factory.kill();
    EXPECT_TRUE(co_await factory.start());
    int unknown = 0;
    for (const Entry& entry : factory.disk().entries()) {
      const auto* end = std::get_if<AttemptEnded>(&entry.event);
      unknown += end != nullptr && end->verdict == Verdict::kUnknown;
    }
    EXPECT_GE(unknown, 1);
    EXPECT_EQ(count<AttemptEnded>(factory), count<AttemptStarted>(factory));
    EXPECT_EQ(count<JobEnded>(factory), 1);
    EXPECT_EQ(*co_await factory.station().start_job(order("r-1")), *job);
    EXPECT_TRUE(factory.station().jobs().empty());
  });
}

}  // namespace
}  // namespace gangd
