#include "loop/loop.h"

#include <gtest/gtest.h>

#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

Task<int> two() {
  co_return 2;
}

// A start or an end by direct resumption grows the stack with every await.
TEST(Loop, AMillionReadyAwaits) {
  Simulated world;
  const auto body = []() -> Task<int> {
    int sum = 0;
    for (int i = 0; i < 500'000; ++i) sum += co_await two();
    for (int i = 0; i < 500'000; ++i) co_await yield();
    co_return sum;
  };
  EXPECT_EQ(world.loop.run(body()), 1'000'000);
}

// The same downwards: a chain of tasks as deep as a device may make it.
TEST(Loop, AChainOfTenThousandTasks) {
  struct Deep {
    static Task<int> at(int depth) {
      if (depth == 0) co_return 0;
      co_return 1 + co_await at(depth - 1);
    }
  };
  Simulated world;
  EXPECT_EQ(world.loop.run(Deep::at(10'000)), 10'000);
}

TEST(Loop, TimePassesOnlyWhileAllWait) {
  Simulated world;
  const auto body = [](Loop& loop) -> Task<> {
    const Instant begin = loop.now();
    for (int i = 0; i < 1000; ++i) co_await yield();
    EXPECT_EQ(loop.now(), begin);
    EXPECT_TRUE(co_await sleep_for(3h));
    EXPECT_EQ(loop.now(), begin + 3h);
  };
  world.loop.run(body(world.loop));
}

TEST(Loop, ReadyTasksRunInTheOrderInWhichTheyBecameReady) {
  Simulated world;
  const auto say = [](std::string& said, char letter) -> Task<> {
    said += letter;
    co_await yield();
    said += letter;
  };
  const auto body = [&say](Loop& loop, std::string& said) -> Task<> {
    Scope scope(loop, "letters");
    for (const char letter : {'a', 'b', 'c'}) scope.spawn("letter", say(said, letter));
    co_await scope.join();
  };
  std::string said;
  world.loop.run(body(world.loop, said));
  EXPECT_EQ(said, "abcabc");
}

// A port whose clock jumps while somebody works: stands for a task that blocks.
class SlowPort final : public Port {
 public:
  Instant now() override { return now_ += std::exchange(work, 0ms); }
  UtcTime utc_now() override { return {}; }
  std::uint64_t random() override { return 0; }
  bool wait(Instant) override { return true; }
  Event* next_event() override { return std::exchange(event, nullptr); }
  void post(Event&) override {}
  void withdraw(Event&) override {}
  std::unique_ptr<Workers> start_workers(std::string, int) override { return nullptr; }
  void log(Severity, std::string_view line) override { lines.emplace_back(line); }

  Event* event = nullptr;
  Duration work = 0ms;
  std::vector<std::string> lines;

 private:
  Instant now_{};
};

// Sixty-four boards wait while one task hashes a file: the log must say which and where. (With a
// compiler cache a path may begin at the build folder.)
TEST(Loop, ATaskThatKeepsTheLoopIsNamedWithItsAwaitChain) {
  SlowPort port;
  Loop loop(port);
  const auto inner = [](SlowPort& slow) -> Task<> {
    co_await yield();
    slow.work = 21ms;
    co_await yield();
    slow.work = 20ms;  // not over the limit
    co_await yield();
  };
  const auto outer = [&inner](SlowPort& slow) -> Task<> { co_await inner(slow); };
  loop.run(outer(port));
  ASSERT_EQ(port.lines.size(), 1u);
  EXPECT_TRUE(testing::internal::RE::PartialMatch(
      port.lines[0],
      "a task that waited at [./]*tests/unit/loop/loop_test.cc:[0-9]+ kept the loop for 21 ms; it "
      "is task main\n"
      "  [./]*tests/unit/loop/loop_test.cc:[0-9]+ in [^\n]*\n"
      "  [./]*tests/unit/loop/loop_test.cc:[0-9]+ in [^\n]*$"))
      << port.lines[0];
}

TEST(Loop, AnEventThatKeepsTheLoopIsNamed) {
  struct Slow : Event {
    explicit Slow(SlowPort& p) : port(p) {}
    void on_loop() override { port.work = 35ms; }
    std::string_view event_name() const override { return "usb"; }
    SlowPort& port;
  };
  SlowPort port;
  Slow slow(port);
  port.event = &slow;
  Loop loop(port);
  loop.run([]() -> Task<> { co_await yield(); }());
  EXPECT_EQ(port.lines, std::vector<std::string>{"callback usb took 35 ms"});
}

// What `gangctl debug tasks` shows: who waits where.
TEST(Loop, DumpShowsEachTaskDownToTheAwaitItWaitsAt) {
  Simulated world;
  const auto leaf = []() -> Task<> { (void)co_await sleep_for(1s); };
  const auto board = [&leaf]() -> Task<> { co_await leaf(); };
  const auto body = [&board](Loop& loop) -> Task<std::string> {
    Scope scope(loop, "station");
    scope.spawn("slot 1", board());
    (void)co_await sleep_for(1ms);
    std::string dump = loop.dump_tasks();
    co_await scope.join();
    co_return dump;
  };
  const std::string dump = world.loop.run(body(world.loop));
  const std::string at = "[^\n]*loop_test.cc:[0-9]+ in [^\n]*\n";
  EXPECT_TRUE(testing::internal::RE::FullMatch(
      dump + "\n", "task main\n  " + at + "scope station\n  task slot 1\n    " + at + "    " + at))
      << dump;
}

// A task that nobody will ever wake is a bug of ours; in a simulation it is seen at once.
TEST(Loop, ASimulationInWhichNothingCanHappenAbortsAndShowsWhoWaits) {
  const auto body = []() -> Task<> {
    Transfer forever;
    (void)co_await forever;
  };
  EXPECT_DEATH(
      {
        Simulated world;
        world.loop.run(body());
      },
      "nothing can happen any more(.|\n)*loop_test.cc");
}

TEST(Loop, ASimulationWhoseTasksNeverWaitAborts) {
  const auto body = []() -> Task<> {
    while (true) co_await yield();
  };
  EXPECT_DEATH(
      {
        Simulated world;
        world.loop.run(body());
      },
      "tasks run on and on");
}

TEST(Task, OneThatWasNeverStartedIsSimplyDropped) {
  bool ran = false;
  const auto body = [](bool& flag) -> Task<> {
    flag = true;
    co_return;
  };
  {
    const Task<> dropped = body(ran);
  }
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace gangd
