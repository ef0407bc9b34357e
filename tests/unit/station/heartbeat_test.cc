// A supervisor that is told too little kills a healthy station, and one that is told too much never
// restarts a dead one.
#include "station/heartbeat.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "loop/sleep.h"
#include "tests/sim/factory.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

class Diary final : public Supervisor {
 public:
  void tell(std::string_view lines) override { told.emplace_back(lines); }
  std::vector<std::string> told;
};

class HeartbeatTest : public testing::Test {
 protected:
  void run(Duration patience, const std::function<Task<>(sim::Factory&, Heartbeat&)>& test) {
    const auto body = [&]() -> Task<> {
      sim::Factory factory(world_.loop, world_.port, 1, {.boards = 2, .image_bytes = 3000});
      EXPECT_TRUE(co_await factory.start());
      Heartbeat heartbeat(world_.loop, factory.station(), diary_, patience);
      co_await test(factory, heartbeat);
      co_await factory.stop();
    };
    world_.loop.run(body());
  }
  std::ptrdiff_t count(const std::string& lines) const {
    return std::ranges::count(diary_.told, lines);
  }

  Simulated world_;
  Diary diary_;
};

TEST_F(HeartbeatTest, BeatsTwiceInTheTimeThatItIsGiven) {
  run(10s, [this](sim::Factory&, Heartbeat& heartbeat) -> Task<> {
    (void)co_await sleep_for(1min);
    EXPECT_TRUE(diary_.told.empty());  // not ready before somebody says so
    heartbeat.start();
    EXPECT_EQ(diary_.told.front(), "READY=1");
    (void)co_await sleep_for(58s);
    EXPECT_EQ(count("WATCHDOG=1"), 12);
    heartbeat.announce_stop();
    (void)co_await sleep_for(10s);
    EXPECT_EQ(count("WATCHDOG=1"), 14);  // stopping may take longer than the patience
    co_await heartbeat.stop();
    const std::size_t told = diary_.told.size();
    (void)co_await sleep_for(1min);
    EXPECT_EQ(diary_.told.size(), told);
  });
}

TEST_F(HeartbeatTest, WithoutAWatchdogThereIsNoBeat) {
  run({}, [this](sim::Factory&, Heartbeat& heartbeat) -> Task<> {
    heartbeat.start();
    (void)co_await sleep_for(1h);
    co_await heartbeat.stop();
    EXPECT_EQ(diary_.told, (std::vector<std::string>{"READY=1", "STATUS=taking boards"}));
  });
}

TEST_F(HeartbeatTest, TroubleIsToldOnceAndSoIsItsEnd) {
  run({}, [this](sim::Factory& factory, Heartbeat& heartbeat) -> Task<> {
    heartbeat.start();
    factory.disk().set_broken(true);
    const StartJob order = {"r-1", "operator", std::string(sim::kProduct), {}, true};
    EXPECT_FALSE(co_await factory.station().start_job(order));
    (void)co_await sleep_for(1min);
    EXPECT_TRUE(diary_.told.back().starts_with("STATUS=takes no boards: "));
    EXPECT_EQ(diary_.told.size(), 3U);
    factory.disk().set_broken(false);
    (void)co_await sleep_for(1min);
    EXPECT_EQ(diary_.told.back(), "STATUS=taking boards");
    EXPECT_EQ(diary_.told.size(), 4U);
    co_await heartbeat.stop();
  });
}

}  // namespace
}  // namespace gangd
