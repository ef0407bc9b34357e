#include "loop/signal.h"

#include <gtest/gtest.h>

#include "loop/deadline.h"
#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

TEST(Signal, WakesAllThatWaitAndNoneThatComeLater) {
  Simulated world;
  Signal signal;
  int woken = 0;
  const auto waits = [&]() -> Task<> {
    if (co_await signal.wait()) ++woken;
  };
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "waiters");
    signal.notify();  // nobody yet: not remembered
    scope.spawn("one", waits());
    scope.spawn("two", waits());
    (void)co_await sleep_for(1ms);
    EXPECT_EQ(woken, 0);
    signal.notify();
    scope.spawn("late", waits());
    (void)co_await sleep_for(1ms);
    EXPECT_EQ(woken, 2);
    signal.notify();
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_EQ(woken, 3);
}

TEST(Signal, AWaitCanBeCancelled) {
  Simulated world;
  Signal signal;
  const auto body = [&signal]() -> Task<> {
    EXPECT_TRUE((co_await with_timeout(1s, as_task([&signal] { return signal.wait(); })))
                    .failed_with(Code::kTimeout));
    signal.notify();
  };
  world.loop.run(body());
}

}  // namespace
}  // namespace gangd
