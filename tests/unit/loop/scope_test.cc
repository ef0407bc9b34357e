#include "loop/scope.h"

#include <gtest/gtest.h>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// If a join could be cut short, the scope would be destroyed under its tasks.
TEST(Scope, JoinIsShielded) {
  Simulated world;
  bool child_ended = false;
  const auto child = [&]() -> Task<> {
    (void)co_await sleep_for(1h);
    (void)co_await shielded(5s, as_task([] { return sleep_for(3s); }));
    child_ended = true;
  };
  const auto joins = [&](Loop& loop) -> Task<Status> {
    Scope scope(loop, "inner");
    scope.spawn("child", child());
    co_await scope.join();
    EXPECT_TRUE(child_ended) << "the join came back before its task";
    co_return cancelled();
  };
  const auto body = [&](Loop& loop) -> Task<Duration> {
    const Instant begin = loop.now();
    EXPECT_TRUE((co_await with_timeout(1s, joins(loop))).failed_with(Code::kTimeout));
    co_return loop.now() - begin;
  };
  EXPECT_EQ(world.loop.run(body(world.loop)), 4s);
}

TEST(Scope, JoinOfNothingIsImmediate) {
  Simulated world;
  const auto body = [](Loop& loop) -> Task<> {
    Scope scope(loop, "empty");
    co_await scope.join();
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
}

// A background object spawns for years: what has ended must be gone at once, not at the join.
TEST(Scope, ATaskThatHasEndedLeavesNothingBehind) {
  Simulated world;
  const auto brief = []() -> Task<> { co_return; };
  const auto body = [&brief](Loop& loop) -> Task<std::size_t> {
    Scope scope(loop, "requests");
    for (int i = 0; i < 10; ++i) scope.spawn("request", brief());
    (void)co_await sleep_for(1ms);
    const std::size_t left = scope.size();
    scope.spawn("request", brief());
    co_await scope.join();
    co_return left;
  };
  EXPECT_EQ(world.loop.run(body(world.loop)), 0u);
}

TEST(Scope, TasksMaySpawnSiblingsWhileItIsJoined) {
  struct Chain {
    static Task<> link(Scope& scope, int left, int& ran) {
      ++ran;
      if (left > 0) scope.spawn("link", link(scope, left - 1, ran));
      (void)co_await sleep_for(1ms);
    }
  };
  Simulated world;
  int ran = 0;
  const auto body = [&ran](Loop& loop) -> Task<> {
    Scope scope(loop, "chain");
    scope.spawn("link", Chain::link(scope, 9, ran));
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
  EXPECT_EQ(ran, 10);
}

// One that hangs after a cancel must be named, or nobody knows which board to unplug.
TEST(Scope, WhoDoesNotEndAfterACancelIsNamedInTheLog) {
  std::FILE* lines = std::tmpfile();
  sim::Trace trace(lines);
  sim::SimPort port(1, trace);
  Loop loop(port);
  Transfer stuck;
  const auto board = [&stuck]() -> Task<> { (void)co_await stuck; };
  const auto body = [&] -> Task<> {
    Scope scope(loop, "boards");
    scope.spawn("slot 7", board());
    (void)co_await sleep_for(1ms);
    scope.cancel();
    (void)co_await sleep_for(kJoinGrace + 1s);
    stuck.finish(cancelled());
    co_await scope.join();
  };
  loop.run(body());
  std::rewind(lines);
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), lines));
  std::fclose(lines);
  EXPECT_NE(text.find("error scope boards: cancelled long ago and still waiting: task slot 7\n"),
            std::string::npos)
      << text;
}

TEST(Scope, DestroyedBeforeItsTasksAreJoinedIsABug) {
  const auto forever = []() -> Task<> { (void)co_await sleep_for(1h); };
  const auto body = [&forever](Loop& loop) -> Task<> {
    Scope scope(loop, "careless");
    scope.spawn("child", forever());
    co_await yield();
  };
  EXPECT_DEATH(
      {
        Simulated world;
        world.loop.run(body(world.loop));
      },
      "scope careless was not joined");
}

}  // namespace
}  // namespace gangd
