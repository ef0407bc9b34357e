#include "loop/mailbox.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "loop/deadline.h"
#include "loop/epoll_port.h"
#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// Under TSan: the only place where other threads meet the loop.
TEST(Mailbox, HandOverOfTwentyThousandMessages) {
  constexpr int kSenders = 4;
  constexpr int kEach = 5'000;
  AsyncLog log(stderr, Severity::kWarning);
  const auto port = *EpollPort::open(log);
  Loop loop(*port);
  Mailbox<std::pair<int, int>> mailbox(*port, 64, Overflow::kRefuse);

  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&mailbox, sender] {
      for (int i = 0; i < kEach;) {
        if (mailbox.push({sender, i})) {
          ++i;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  const auto receive = [&mailbox]() -> Task<> {
    std::vector<int> next(kSenders, 0);
    for (int i = 0; i < kSenders * kEach; ++i) {
      const auto message = co_await mailbox.pop();
      EXPECT_EQ(message->second, next[static_cast<std::size_t>(message->first)]++);
    }
  };
  loop.run(receive());
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(mailbox.size(), 0u);
}

// A flood of commands must be pushed back to who sends it, not into our memory.
TEST(Mailbox, FullRefusesAndKeepsWhatItHas) {
  Simulated world;
  Mailbox<int> mailbox(world.port, 2, Overflow::kRefuse);
  EXPECT_TRUE(mailbox.push(1));
  EXPECT_TRUE(mailbox.push(2));
  const Status refused = mailbox.push(3);
  EXPECT_TRUE(refused.failed_with(Code::kExhausted));
  EXPECT_EQ(refused.error().message(), "2 messages are waiting already");
  const auto body = [&mailbox]() -> Task<> {
    EXPECT_EQ(*co_await mailbox.pop(), 1);
    EXPECT_TRUE(mailbox.push(4));
    EXPECT_EQ(*co_await mailbox.pop(), 2);
    EXPECT_EQ(*co_await mailbox.pop(), 4);
  };
  world.loop.run(body());
}

TEST(Mailbox, FullOfProgressKeepsTheLatest) {
  Simulated world;
  Mailbox<int> mailbox(world.port, 2, Overflow::kKeepLatest);
  for (int i = 1; i <= 5; ++i) EXPECT_TRUE(mailbox.push(i));
  EXPECT_EQ(mailbox.dropped(), 3u);
  const auto body = [&mailbox]() -> Task<> {
    EXPECT_EQ(*co_await mailbox.pop(), 4);
    EXPECT_EQ(*co_await mailbox.pop(), 5);
  };
  world.loop.run(body());
}

// The arrival of a message that was received without waiting comes late, and finds a receiver that
// waits for the next one: it must not wake it with nothing.
TEST(Mailbox, AnArrivalThatWasOvertakenWakesNobody) {
  Simulated world;
  Mailbox<int> mailbox(world.port, 4, Overflow::kRefuse);
  const auto later = [&mailbox]() -> Task<> {
    (void)co_await sleep_for(1s);
    EXPECT_TRUE(mailbox.push(2));
  };
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "senders");
    scope.spawn("later", later());
    EXPECT_TRUE(mailbox.push(1));
    EXPECT_EQ(*co_await mailbox.pop(), 1);
    EXPECT_EQ(*co_await mailbox.pop(), 2);
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
}

TEST(Mailbox, ClosedGivesWhatIsLeftAndThenSaysSo) {
  Simulated world;
  Mailbox<int> mailbox(world.port, 4, Overflow::kRefuse);
  EXPECT_TRUE(mailbox.push(1));
  const auto closer = [&mailbox]() -> Task<> {
    (void)co_await sleep_for(1s);
    mailbox.close();
  };
  const auto body = [&](Loop& loop) -> Task<> {
    Scope scope(loop, "senders");
    scope.spawn("closer", closer());
    EXPECT_EQ(*co_await mailbox.pop(), 1);
    EXPECT_TRUE((co_await mailbox.pop()).failed_with(Code::kClosed)) << "while it waits";
    EXPECT_TRUE((co_await mailbox.pop()).failed_with(Code::kClosed));
    EXPECT_TRUE(mailbox.push(2).failed_with(Code::kClosed));
    co_await scope.join();
  };
  world.loop.run(body(world.loop));
}

TEST(Mailbox, AWaitingReceiverCanBeCancelledAndLosesNothing) {
  Simulated world;
  Mailbox<int> mailbox(world.port, 4, Overflow::kRefuse);
  const auto pop = [&mailbox]() -> Task<Result<int>> { co_return co_await mailbox.pop(); };
  const auto body = [&]() -> Task<> {
    EXPECT_TRUE((co_await with_timeout(1s, pop())).failed_with(Code::kTimeout));
    EXPECT_TRUE(mailbox.push(1));
    EXPECT_EQ(*co_await mailbox.pop(), 1);
  };
  world.loop.run(body());
}

}  // namespace
}  // namespace gangd
