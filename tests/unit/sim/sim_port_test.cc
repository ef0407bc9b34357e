#include "tests/sim/sim_port.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

struct Noted : Event {
  Noted(SimPort& p, int n, std::vector<int>& list) : port(p), number(n), arrived(list) {}
  ~Noted() override { port.withdraw(*this); }
  void on_loop() override { arrived.push_back(number); }
  std::string_view event_name() const override { return "noted"; }
  SimPort& port;
  int number;
  std::vector<int>& arrived;
};

class SimPortTest : public testing::Test {
 protected:
  // What the loop does between two tasks.
  bool turn(Instant deadline = Instant::max()) {
    const bool may_go_on = port_.wait(deadline);
    while (Event* event = port_.next_event()) event->on_loop();
    return may_go_on;
  }

  Trace trace_{nullptr};
  SimPort port_{1, trace_};
};

TEST_F(SimPortTest, TimeJumpsToTheNextEventAndNotBeyondTheDeadline) {
  std::vector<int> arrived;
  Noted event(port_, 1, arrived);
  port_.schedule(event, Instant(10s));
  EXPECT_TRUE(turn(Instant(4s)));
  EXPECT_EQ(port_.now(), Instant(4s));
  EXPECT_TRUE(arrived.empty());
  EXPECT_TRUE(turn());
  EXPECT_EQ(port_.now(), Instant(10s));
  EXPECT_EQ(arrived, std::vector{1});
  EXPECT_FALSE(turn()) << "nothing can come any more";
  EXPECT_TRUE(turn(Instant(3s))) << "a deadline that has passed only looks";
  EXPECT_EQ(port_.now(), Instant(10s)) << "time does not go back";
}

// Events of one moment in any other order would make a seed mean something else.
TEST_F(SimPortTest, EventsOfOneMomentComeInTheOrderOfScheduling) {
  std::vector<int> arrived;
  Noted first(port_, 1, arrived), second(port_, 2, arrived), third(port_, 3, arrived);
  port_.schedule(third, Instant(1s));
  port_.schedule(first, Instant(1s));
  port_.schedule(second, Instant(1s));
  EXPECT_TRUE(turn());
  EXPECT_EQ(arrived, (std::vector{3, 1, 2}));
}

TEST_F(SimPortTest, WhatAnotherThreadPostsComesLaterAndCanBeWithdrawn) {
  std::vector<int> arrived;
  Noted event(port_, 1, arrived), withdrawn(port_, 2, arrived);
  port_.post(event);
  port_.post(withdrawn);
  port_.withdraw(withdrawn);
  EXPECT_TRUE(turn(port_.now()));
  EXPECT_TRUE(arrived.empty()) << "not in the same moment";
  EXPECT_TRUE(turn());
  EXPECT_EQ(arrived, std::vector{1});
}

struct TimedJob : Workers::Job {
  TimedJob(SimPort& p, int& r) : port(p), running(r) {}
  void work() override {
    began = port.now();
    most = ++running;
  }
  void on_loop() override {
    ended = port.now();
    --running;
  }
  std::string_view event_name() const override { return "job"; }

  SimPort& port;
  int& running;
  int most = 0;
  Instant began{}, ended{};
};

// Two jobs of the ledger's one writer at a time would be a world that cannot be.
TEST_F(SimPortTest, WorkersRunAsManyJobsAtOnceAsTheyHaveThreads) {
  for (const int threads : {1, 3}) {
    const auto workers = port_.start_workers("workers", threads);
    int running = 0;
    std::vector<std::unique_ptr<TimedJob>> jobs;
    for (int i = 0; i < 20; ++i) {
      jobs.push_back(std::make_unique<TimedJob>(port_, running));
      workers->submit(*jobs.back());
    }
    while (turn()) {
    }
    int most = 0;
    for (const auto& job : jobs) {
      EXPECT_GT(job->ended, job->began) << "work takes time";
      most = std::max(most, job->most);
    }
    EXPECT_EQ(most, threads);
    EXPECT_EQ(running, 0);
  }
}

// A model that wakes itself at the same moment for ever would hang a run of many seeds.
TEST_F(SimPortTest, AnEventThatComesWithoutTimePassingIsABug) {
  struct Restless : Event {
    explicit Restless(SimPort& p) : port(p) {}
    ~Restless() override { port.withdraw(*this); }
    void on_loop() override { port.schedule(*this, port.now()); }
    std::string_view event_name() const override { return "restless"; }
    SimPort& port;
  } restless(port_);
  port_.schedule(restless, Instant(1s));
  EXPECT_DEATH(turn(), "restless comes on and on");
}

TEST_F(SimPortTest, ChecksRunAtEachStep) {
  int steps = 0;
  port_.at_each_step([&steps] { ++steps; });
  turn(Instant(1s));
  turn(Instant(2s));
  EXPECT_EQ(steps, 2);
}

// What differs between two traces must differ in their hashes.
TEST(TraceTest, EachLineCounts) {
  const auto hash = [](Instant when, std::string_view kind, std::string_view text) {
    Trace trace(nullptr);
    trace.line(when, kind, text);
    return trace.finish();
  };
  const auto reference = hash(Instant(1ns), "note", "a");
  EXPECT_EQ(hash(Instant(1ns), "note", "a"), reference);
  EXPECT_NE(hash(Instant(2ns), "note", "a"), reference);
  EXPECT_NE(hash(Instant(1ns), "info", "a"), reference);
  EXPECT_NE(hash(Instant(1ns), "note", "b"), reference);
}

}  // namespace
}  // namespace gangd::sim
