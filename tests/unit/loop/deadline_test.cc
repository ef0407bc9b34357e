#include "loop/deadline.h"

#include <gtest/gtest.h>

#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

Task<Status> wait_for(Transfer& transfer) {
  co_return co_await transfer;
}

Task<Status> call_through(Transfer& transfer) {
  co_return co_await wait_for(transfer);
}

// The limit must reach the transfer itself, however deep, and its buffer must be back before the
// caller goes on.
TEST(Deadline, TimeoutCancelsTheLeaf) {
  Simulated world;
  Transfer transfer;
  const auto kernel = [&transfer]() -> Task<> {
    while (transfer.aborts == 0) (void)co_await sleep_for(100ms);
    (void)co_await sleep_for(700ms);
    transfer.finish(cancelled());
  };
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "kernel");
    scope.spawn("kernel", kernel());
    const Instant begin = loop.now();
    const Status status = co_await with_timeout(2s, call_through(transfer));
    EXPECT_FALSE(transfer.pending());
    EXPECT_EQ(transfer.aborts, 1);
    EXPECT_GE(loop.now() - begin, 2700ms);
    EXPECT_TRUE(status.failed_with(Code::kTimeout));
    EXPECT_EQ(status.error().message(), "no end within 2000 ms");
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
}

TEST(Deadline, WhatEndsInTimeIsUntouched) {
  Simulated world;
  const auto quick = []() -> Task<Result<int>> {
    (void)co_await sleep_for(1s);
    co_return 7;
  };
  const auto body = [&quick](Loop& loop) -> Task<> {
    EXPECT_EQ(*co_await with_timeout(2s, quick()), 7);
    (void)co_await sleep_for(10s);  // the timer must not come later
    EXPECT_EQ(loop.now(), Instant(11s));
  };
  world.loop.run(body(world.loop));
}

// A board that was programmed although the limit had passed was programmed.
TEST(Deadline, AnOutcomeThatCameAfterTheLimitIsStillTheOutcome) {
  Simulated world;
  const auto stubborn = []() -> Task<Result<int>> {
    (void)co_await sleep_for(10s);
    co_return 7;
  };
  const auto body = [&stubborn]() -> Task<> {
    EXPECT_EQ(*co_await with_timeout(1s, stubborn()), 7);
  };
  world.loop.run(body());
}

TEST(Deadline, ACancellationFromOutsideIsNoTimeout) {
  Simulated world;
  Status seen;
  const auto board = [&seen]() -> Task<> {
    seen = co_await with_timeout(5s, as_task([] { return sleep_for(1h); }));
  };
  const auto body = [&board](Loop& loop) -> Task<> {
    Scope scope(loop, "boards");
    scope.spawn("board", board());
    (void)co_await sleep_for(1s);
    scope.cancel();
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_TRUE(seen.failed_with(Code::kCancelled));
}

// The same if the limit passes while the cancelled task is still cleaning up.
TEST(Deadline, ALimitThatPassesAfterACancellationChangesNothing) {
  Simulated world;
  Status seen;
  const auto cleans_up = []() -> Task<Status> {
    const Status status = co_await sleep_for(1h);
    (void)co_await shielded(1min, as_task([] { return sleep_for(30s); }));
    co_return status;
  };
  const auto board = [&]() -> Task<> { seen = co_await with_timeout(5s, cleans_up()); };
  const auto body = [&board](Loop& loop) -> Task<> {
    Scope scope(loop, "boards");
    scope.spawn("board", board());
    (void)co_await sleep_for(1s);
    scope.cancel();
    co_await scope.join();
    EXPECT_EQ(loop.now(), Instant(31s));
  };
  world.loop.run(body(world.loop));
  EXPECT_TRUE(seen.failed_with(Code::kCancelled));
}

TEST(Deadline, TheInnerLimitDoesNotEndTheOuterWork) {
  Simulated world;
  const auto inner_times_out = []() -> Task<Status> {
    const Status status = co_await with_timeout(1s, as_task([] { return sleep_for(1h); }));
    EXPECT_TRUE(status.failed_with(Code::kTimeout));
    co_return co_await sleep_for(1s);
  };
  const auto body = [&inner_times_out](Loop& loop) -> Task<> {
    EXPECT_TRUE(co_await with_timeout(10s, inner_times_out()));
    EXPECT_EQ(loop.now(), Instant(2s));
  };
  world.loop.run(body(world.loop));
}

}  // namespace
}  // namespace gangd
