// Cancellation is an answer that every wait gives, never a frame that vanishes.
#include "loop/context.h"

#include <gtest/gtest.h>

#include "loop/deadline.h"
#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

Task<> hold(Transfer& transfer, Status& seen) {
  seen = co_await transfer;
}

// The buffer is the kernel's until the kernel gives it back; a frame that is gone by then is a
// use after free.
TEST(Cancel, APendingTransferIsAskedOnceAndWaitedFor) {
  Simulated world;
  Transfer transfer;
  Status seen;
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "boards");
    scope.spawn("board", hold(transfer, seen));
    (void)co_await sleep_for(1ms);
    scope.cancel();
    scope.cancel();
    (void)co_await sleep_for(1s);
    EXPECT_EQ(transfer.aborts, 1);
    EXPECT_EQ(scope.size(), 1u) << "the task still waits for its buffer";
    transfer.finish(cancelled());
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_TRUE(seen.failed_with(Code::kCancelled));
}

// A transfer that completed while it was being cancelled has happened: its outcome is told.
TEST(Cancel, AnOutcomeThatCameFirstIsKept) {
  Simulated world;
  Transfer transfer;
  Status seen = cancelled();
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "boards");
    scope.spawn("board", hold(transfer, seen));
    (void)co_await sleep_for(1ms);
    transfer.finish({});
    scope.cancel();
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_TRUE(seen);
  EXPECT_EQ(transfer.aborts, 0);
}

TEST(Cancel, BeforeTheStartNothingIsBegun) {
  Simulated world;
  Transfer transfer;
  Status seen;
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "boards");
    scope.spawn("board", hold(transfer, seen));
    scope.cancel();
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_EQ(transfer.starts, 0);
  EXPECT_TRUE(seen.failed_with(Code::kCancelled));
}

// Spawned too late, as when a board is plugged in while the job stops.
TEST(Cancel, ATaskSpawnedInACancelledScopeSeesItAtItsFirstWait) {
  Simulated world;
  Transfer transfer;
  Status seen;
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "boards");
    scope.cancel();
    scope.spawn("board", hold(transfer, seen));
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_EQ(transfer.starts, 0);
  EXPECT_TRUE(seen.failed_with(Code::kCancelled));
}

// A limit or a scope that is opened after the cancel is inside it.
TEST(Cancel, WhatIsOpenedInsideItLaterIsCancelledToo) {
  Simulated world;
  Transfer limited, scoped;
  Status seen_limited, seen_scoped;
  const auto board = [&](Loop& loop) -> Task<> {
    (void)co_await sleep_for(1h);
    const auto wait = [&limited]() -> Task<Status> { co_return co_await limited; };
    seen_limited = co_await with_timeout(1s, wait());
    Scope inner(loop, "inner");
    inner.spawn("task", hold(scoped, seen_scoped));
    co_await inner.join();
  };
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "boards");
    scope.spawn("board", board(loop));
    (void)co_await sleep_for(1ms);
    scope.cancel();
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_EQ(limited.starts + scoped.starts, 0);
  EXPECT_TRUE(seen_limited.failed_with(Code::kCancelled));
  EXPECT_TRUE(seen_scoped.failed_with(Code::kCancelled));
}

// A board that is left in the middle of a download must be brought back to idle, and that needs
// transfers after the cancel.
TEST(Cancel, CleanUpMayAwaitAfterIt) {
  Simulated world;
  Status plain, clean_up;
  Duration took{};
  const auto board = [&](Loop& loop) -> Task<> {
    (void)co_await sleep_for(1h);
    plain = co_await sleep_for(1s);
    const Instant begin = loop.now();
    clean_up = co_await shielded(2s, as_task([] { return sleep_for(500ms); }));
    took = loop.now() - begin;
  };
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "boards");
    scope.spawn("board", board(loop));
    (void)co_await sleep_for(1ms);
    scope.cancel();
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_TRUE(plain.failed_with(Code::kCancelled)) << "outside the shield the answer stays no";
  EXPECT_TRUE(clean_up);
  EXPECT_EQ(took, 500ms);
}

// An operator who presses stop twice, or a daemon that ends while a board is being brought back.
TEST(Cancel, CleanUpThatIsRunningGoesOn) {
  Simulated world;
  Status clean_up;
  const auto board = [&]() -> Task<> {
    clean_up = co_await shielded(2s, as_task([] { return sleep_for(1s); }));
  };
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "boards");
    scope.spawn("board", board());
    (void)co_await sleep_for(1ms);
    scope.cancel();
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_TRUE(clean_up);
}

// Clean-up on a board that does not answer ends by its own limit.
TEST(Cancel, CleanUpHasADeadlineOfItsOwn) {
  Simulated world;
  Status clean_up;
  const auto board = [&]() -> Task<> {
    (void)co_await sleep_for(1h);
    clean_up = co_await shielded(2s, as_task([] { return sleep_for(1h); }));
  };
  const auto body = [&](Loop& loop) -> Task<Duration> {
    Scope scope(loop, "boards");
    scope.spawn("board", board());
    (void)co_await sleep_for(1ms);
    const Instant begin = loop.now();
    scope.cancel();
    co_await scope.join();
    co_return loop.now() - begin;
  };
  EXPECT_EQ(world.loop.run(body(world.loop)), 2s);
  EXPECT_TRUE(clean_up.failed_with(Code::kTimeout));
}

TEST(Cancel, LoopCancelReachesEveryTask) {
  Simulated world;
  int ended = 0;
  const auto board = [&]() -> Task<> {
    if ((co_await sleep_for(1h)).failed_with(Code::kCancelled)) ++ended;
  };
  const auto slot = [&](Loop& loop) -> Task<> {
    Scope inner(loop, "slot");
    inner.spawn("board", board());
    co_await inner.join();
  };
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "station");
    scope.spawn("slot 1", slot(loop));
    scope.spawn("slot 2", slot(loop));
    co_await yield();
    co_await yield();
    loop.cancel();
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_EQ(ended, 2);
}

// `while (true) co_await ...` without a look at the answer would keep the loop from everything.
TEST(Cancel, ATaskThatIgnoresItForEverIsABug) {
  const auto deaf = []() -> Task<> {
    while (true) (void)co_await sleep_for(1ms);
  };
  const auto body = [&deaf](Loop& loop) -> Task<> {
    Scope scope(loop, "boards");
    scope.spawn("deaf board", deaf());
    scope.cancel();
    co_await scope.join();
  };
  EXPECT_DEATH(
      {
        Simulated world;
        world.loop.run(body(world.loop));
      },
      "does not end after it was cancelled:\ntask deaf board");
}

}  // namespace
}  // namespace gangd
