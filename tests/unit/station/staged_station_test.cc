// Slots whose boards start in their ROM: what is seen at a slot's ports between two verdicts is
// then three devices of one board, and none of them may be taken for another board.
#include <gtest/gtest.h>

#include <chrono>

#include "loop/sleep.h"
#include "station/station.h"
#include "tests/sim/factory.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;
using model::StartFault;

class StagedStationTest : public testing::Test {
 protected:
  void run(const std::function<Task<>(sim::Factory&)>& test, bool two_ports = false,
           std::uint64_t seed = 1) {
    const auto body = [&]() -> Task<> {
      sim::Factory::Options options;
      options.image_bytes = 3000;
      options.staged = true;
      options.two_ports = two_ports;
      sim::Factory factory(world_.loop, world_.port, seed, options);
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

  Simulated world_;
};

TEST_F(StagedStationTest, BothBoardsPassAndTheVerdictsStandBesideTheirApplications) {
  for (const bool two_ports : {false, true}) {
    run(
        [](sim::Factory& factory) -> Task<> {
          EXPECT_TRUE(co_await factory.station().start_job(order("r-1", false)));
          co_await until(factory, [](const SlotView& slot) { return slot.outcome.has_value(); });
          (void)co_await sleep_for(60s);
          for (int board = 0; board < 2; ++board) {
            const SlotView slot = factory.station().slots()[static_cast<std::size_t>(board)];
            EXPECT_EQ(slot.state, SlotState::kEnded);
            EXPECT_TRUE(slot.outcome && slot.outcome->verdict == Verdict::kPass);
            EXPECT_TRUE(factory.holds(board, slot.numbers.front().value));
            EXPECT_TRUE(factory.stages(board).application());
          }
          EXPECT_EQ(factory.station().jobs().back().passed, 2U) << "one attempt for each plug-in";
        },
        two_ports);
  }
}

TEST_F(StagedStationTest, AnAttemptThatEndsBeforeThereIsAUidIsOnRecord) {
  run([](sim::Factory& factory) -> Task<> {
    factory.stages(0).set_start_fault(StartFault::kNeverBack);
    StartJob one = order("r-1");
    one.slots = {"1"};
    EXPECT_TRUE(co_await factory.station().start_job(one));
    co_await ended(factory);
    const std::vector<Entry>& entries = factory.disk().entries();
    int started = 0;
    for (const Entry& entry : entries) {
      if (const auto* attempt = std::get_if<AttemptStarted>(&entry.event)) {
        ++started;
        EXPECT_EQ(attempt->uid, "");
      }
      if (const auto* end = std::get_if<AttemptEnded>(&entry.event)) {
        EXPECT_EQ(end->verdict, Verdict::kFail);
        EXPECT_EQ(end->step, "load");
        EXPECT_NE(end->reason.find("did not come back"), std::string::npos) << end->reason;
      }
    }
    EXPECT_EQ(started, 1);
  });
}

// Both come back as what their slots wait for, at the ports where they are waited for.
TEST_F(StagedStationTest, BoardsThatAreSwappedOnTheirWayAreNotTakenForEachOther) {
  constexpr std::uint64_t kBothAway = 1;
  const auto test = [](sim::Factory& factory) -> Task<> {
    sim::SimBus& bus = factory.bus();
    while (bus.devices().size() < 2) (void)co_await bus.changed(bus.revision());
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1")));
    while (!bus.devices().empty()) (void)co_await bus.changed(bus.revision());
    for (const SlotView& slot : factory.station().slots()) {
      EXPECT_EQ(slot.step, "load") << "this seed does not have both on their way at one moment";
    }
    bus.swap(factory.place(0), factory.place(1));
    co_await ended(factory);
    for (int board = 0; board < 2; ++board) {
      const SlotView slot = factory.station().slots()[static_cast<std::size_t>(board)];
      EXPECT_TRUE(slot.outcome && slot.outcome->verdict == Verdict::kFail);
      EXPECT_NE(slot.outcome->reason.find("does not have this start's nonce"), std::string::npos)
          << slot.outcome->reason;
      EXPECT_EQ(slot.outcome->uid, "");
      EXPECT_EQ(factory.chip(board).operations(), 0U) << "nothing in it was changed";
      EXPECT_EQ(factory.stages(board).flash().operations(), 0U);
    }
  };
  run(test, false, kBothAway);
}

TEST_F(StagedStationTest, ALoaderThatNobodyHereHasStartedIsLeftAlone) {
  run([](sim::Factory& factory) -> Task<> {
    StartJob one = order("r-1", false);
    one.slots = {"1"};
    EXPECT_TRUE(co_await factory.station().start_job(one));
    co_await until(factory, [](const SlotView& slot) { return slot.step == "write"; });
    // What had started it knows nothing any more.
    factory.kill();
    EXPECT_TRUE(co_await factory.start());
    one.request = "r-2";
    EXPECT_TRUE(co_await factory.station().start_job(one));
    co_await until(factory, [](const SlotView& slot) {
      return slot.state == SlotState::kForeign &&
             slot.hint.find("unplug it, and plug it in again") != std::string::npos;
    });
    factory.bus().unplug(factory.place(0));
    (void)co_await sleep_for(2s);
    factory.bus().plug(factory.place(0));
    co_await until(factory, [](const SlotView& slot) {
      return slot.outcome && slot.outcome->verdict == Verdict::kPass;
    });
  });
}

TEST_F(StagedStationTest, ABoardThatIsNotInItsRomIsToldWhatItShouldBe) {
  run([](sim::Factory& factory) -> Task<> {
    EXPECT_TRUE(co_await factory.station().start_job(order("r-1")));
    co_await ended(factory);
    // Its application is there still.
    EXPECT_TRUE(co_await factory.station().start_job(order("r-2", false)));
    co_await until(factory, [](const SlotView& slot) {
      return slot.hint == "1209:0002 is plugged in; tone begins in its ROM, as 0483:df11";
    });
  });
}

}  // namespace
}  // namespace gangd
