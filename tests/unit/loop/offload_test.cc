#include "loop/offload.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "loop/deadline.h"
#include "loop/epoll_port.h"
#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

TEST(Offload, RunsOnAnotherThreadAndBringsTheResultBack) {
  AsyncLog log(stderr, Severity::kWarning);
  const auto port = *EpollPort::open(log);
  Loop loop(*port);
  const auto workers = port->start_workers("files", 2);
  const auto body = [&workers]() -> Task<> {
    const std::thread::id here = std::this_thread::get_id();
    const auto there = co_await offload(*workers, [] { return std::this_thread::get_id(); });
    EXPECT_NE(*there, here);
    EXPECT_EQ(std::this_thread::get_id(), here);
    // A Result stays one Result; what can only be moved is moved.
    const auto failed =
        co_await offload(*workers, []() -> Result<int> { return Error(Code::kIo, "no disk"); });
    EXPECT_EQ(failed.error().message(), "no disk");
    const auto owned = co_await offload(*workers, [] { return std::make_unique<int>(5); });
    EXPECT_EQ(**owned, 5);
    EXPECT_TRUE(co_await offload(*workers, [] {}));
  };
  loop.run(body());
}

// The ledger's writer: with one thread, jobs run one after another in the order given.
TEST(Offload, OneThreadKeepsTheOrder) {
  Simulated world;
  const auto workers = world.port.start_workers("ledger", 1);
  std::vector<int> order;
  const auto write = [&](int number) -> Task<> {
    EXPECT_TRUE(co_await offload(*workers, [&order, number] { order.push_back(number); }));
  };
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "writes");
    for (int i = 0; i < 50; ++i) scope.spawn("write", write(i));
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(Offload, CancelledBeforeItBeganItNeverRuns) {
  Simulated world;
  const auto workers = world.port.start_workers("files", 1);
  int runs = 0;
  const auto job = [&]() -> Task<> {
    EXPECT_TRUE((co_await offload(*workers, [&runs] { ++runs; })).failed_with(Code::kCancelled));
  };
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "jobs");
    for (int i = 0; i < 3; ++i) scope.spawn("job", job());
    co_await yield();
    scope.cancel();
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_EQ(runs, 0);
}

// A device that was opened while its task was cancelled must reach somebody who closes it.
TEST(Offload, CancelledWhileItRunsItsOutcomeIsGiven) {
  AsyncLog log(stderr, Severity::kWarning);
  const auto port = *EpollPort::open(log);
  Loop loop(*port);
  const auto workers = port->start_workers("usb", 1);
  std::atomic<bool> running = false;
  std::atomic<bool> go_on = false;
  Result<int> seen = cancelled();
  const auto job = [&]() -> Task<> {
    seen = co_await offload(*workers, [&] {
      running = true;
      while (!go_on) std::this_thread::yield();
      return 5;
    });
  };
  const auto body = [&]() -> Task<> {
    Scope scope(loop, "jobs");
    scope.spawn("job", job());
    while (!running) co_await yield();
    scope.cancel();
    go_on = true;
    co_await scope.join();
  };
  loop.run(body());
  EXPECT_EQ(*seen, 5);
}

}  // namespace
}  // namespace gangd
