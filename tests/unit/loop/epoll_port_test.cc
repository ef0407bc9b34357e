#include "loop/epoll_port.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

class EpollPortTest : public testing::Test {
 protected:
  AsyncLog log_{stderr, Severity::kWarning};
  std::unique_ptr<EpollPort> port_ = *EpollPort::open(log_);
  Loop loop_{*port_};
};

// Waits until a descriptor can be read.
class Readable : public Leaf, private EpollPort::Watch {
 public:
  Readable(EpollPort& port, int fd) : port_(port), fd_(fd) {}
  Status await_resume() const { return status_; }

 private:
  bool start() override {
    EXPECT_TRUE(port_.watch(*this, fd_, EPOLLIN));
    return true;
  }
  void abort() override { end(cancelled()); }
  void on_loop() override {
    EXPECT_TRUE(ready() & EPOLLIN);
    end({});
  }
  std::string_view event_name() const override { return "readable"; }
  void end(Status status) {
    port_.unwatch(*this);
    status_ = std::move(status);
    resolve();
  }

  EpollPort& port_;
  const int fd_;
  Status status_;
};

TEST_F(EpollPortTest, ADescriptorThatBecomesReadableWakesItsTask) {
  std::array<int, 2> pipe_fds;
  ASSERT_EQ(pipe(pipe_fds.data()), 0);
  std::thread writer([&] { EXPECT_EQ(write(pipe_fds[1], "x", 1), 1); });
  const auto body = [&]() -> Task<> {
    Readable readable(*port_, pipe_fds[0]);
    EXPECT_TRUE(co_await readable);
  };
  loop_.run(body());
  writer.join();
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

// While events are gathered, nothing is looked for before a timer is due; and nothing is lost.
TEST_F(EpollPortTest, WhatIsGatheredArrivesTogether) {
  std::array<int, 2> pipe_fds;
  ASSERT_EQ(pipe(pipe_fds.data()), 0);
  const auto wait = [&]() -> Task<Status> {
    Readable readable(*port_, pipe_fds[0]);
    co_return co_await readable;
  };
  const auto body = [&]() -> Task<> {
    EXPECT_EQ(write(pipe_fds[1], "x", 1), 1);
    port_->gather(1h);
    EXPECT_TRUE(co_await sleep_for(1us));  // with it a first look is taken
    const Instant begin = loop_.now();
    EXPECT_TRUE(co_await with_timeout(2ms, wait()));
    EXPECT_GE(loop_.now() - begin, 2ms);
    port_->gather({});
    EXPECT_TRUE(co_await wait());
  };
  loop_.run(body());
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

TEST_F(EpollPortTest, AWatchThatIsCancelledIsForgotten) {
  std::array<int, 2> pipe_fds;
  ASSERT_EQ(pipe(pipe_fds.data()), 0);
  const auto wait = [&]() -> Task<Status> {
    Readable readable(*port_, pipe_fds[0]);
    co_return co_await readable;
  };
  const auto body = [&]() -> Task<> {
    EXPECT_TRUE((co_await with_timeout(1ms, wait())).failed_with(Code::kTimeout));
    EXPECT_EQ(write(pipe_fds[1], "x", 1), 1);
    (void)co_await sleep_for(1ms);  // an event for the dead watch would come here
  };
  loop_.run(body());
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

TEST_F(EpollPortTest, ABadDescriptorIsAnErrorThatNamesTheCall) {
  struct Silent : EpollPort::Watch {
    void on_loop() override {}
    std::string_view event_name() const override { return "silent"; }
  } watch;
  const Status status = port_->watch(watch, -1, EPOLLIN);
  EXPECT_TRUE(status.failed_with(Code::kIo));
  EXPECT_EQ(status.error().message(), "epoll_ctl: Bad file descriptor");
}

// A sleep that ends early would poll a device before its time. It begins with the turn of the loop:
// what woke the task came before that.
TEST_F(EpollPortTest, ASleepIsNeverShort) {
  const auto body = [&]() -> Task<> {
    for (const Duration duration : {100'000ns, 1'500'000ns, 0ns}) {
      const Instant begin = loop_.now();
      EXPECT_TRUE(co_await sleep_for(duration));
      EXPECT_GE(port_->now() - begin, duration);
    }
  };
  loop_.run(body());
}

// A task that is always ready must not keep the others' events away.
TEST_F(EpollPortTest, EventsArriveWhileATaskIsAlwaysReady) {
  struct Arrival : Event {
    void on_loop() override { arrived = true; }
    std::string_view event_name() const override { return "arrival"; }
    bool arrived = false;
  } arrival;
  const auto body = [&]() -> Task<> {
    port_->post(arrival);
    while (!arrival.arrived) co_await yield();
  };
  loop_.run(body());
}

TEST_F(EpollPortTest, RandomNumbersDiffer) {
  EXPECT_NE(port_->random(), port_->random());
}

TEST_F(EpollPortTest, AWithdrawnEventDoesNotArrive) {
  struct Never : Event {
    void on_loop() override { ADD_FAILURE(); }
    std::string_view event_name() const override { return "never"; }
  } never;
  port_->post(never);
  port_->withdraw(never);
  const auto body = []() -> Task<> { (void)co_await sleep_for(1ms); };
  loop_.run(body());
}

// A device that goes takes its other events along, those that came in the same look included.
TEST_F(EpollPortTest, AnEventMayWithdrawOneThatCameWithIt) {
  struct Second : Event {
    void on_loop() override { ++arrivals; }
    std::string_view event_name() const override { return "second"; }
    int arrivals = 0;
  } second;
  struct First : Event {
    First(EpollPort& p, Second& s) : port(p), other(s) {}
    void on_loop() override { port.withdraw(other); }
    std::string_view event_name() const override { return "first"; }
    EpollPort& port;
    Second& other;
  } first(*port_, second);
  port_->post(first);
  port_->post(second);
  const auto body = []() -> Task<> { (void)co_await sleep_for(1ms); };
  loop_.run(body());
  EXPECT_EQ(second.arrivals, 0);
}

}  // namespace
}  // namespace gangd
