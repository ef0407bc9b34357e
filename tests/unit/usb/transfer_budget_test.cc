// A station of 64 boards must not be refused memory by the kernel, nor wait for ever for it.
#include "usb/transfer_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;
using Way = TransferBudget::Way;

constexpr std::size_t kSize = 16384;

struct Floor {
  Simulated world;
  TransferBudget budget;
  int in_flight = 0;
  int most = 0;
  std::map<std::uint64_t, int> done;  // by board
  std::vector<std::uint64_t> order;

  explicit Floor(std::uint64_t bytes) : budget(bytes) {}

  static Task<> transfer(Floor& floor, std::uint64_t board, std::size_t size) {
    const auto loan = co_await floor.budget.borrow(board, Way::kOther, size);
    if (!loan) co_return;
    floor.order.push_back(board);
    floor.most = std::max(floor.most, ++floor.in_flight);
    (void)co_await sleep_for(1ms);
    --floor.in_flight;
    ++floor.done[board];
  }
};

TEST(TransferBudget, NoMoreIsLentThanThereIs) {
  Floor floor(256 << 10);  // 128 KiB for these: 7 such transfers
  floor.world.loop.run([](Floor& all) -> Task<> {
    Scope boards(all.world.loop, "boards");
    for (std::uint64_t i = 0; i < 64; ++i) {
      boards.spawn("transfer", Floor::transfer(all, i, kSize));
    }
    co_await boards.join();
  }(floor));
  EXPECT_EQ(floor.done.size(), 64U);
  EXPECT_EQ(floor.most, 7);
}

TEST(TransferBudget, WithoutALimitNobodyWaits) {
  Floor floor(0);
  floor.world.loop.run([](Floor& all) -> Task<> {
    Scope boards(all.world.loop, "boards");
    for (std::uint64_t i = 0; i < 500; ++i) {
      boards.spawn("transfer", Floor::transfer(all, i, kSize << 6));
    }
    co_await boards.join();
  }(floor));
  EXPECT_EQ(floor.most, 500);
}

// The first board asks for a hundred before the others come.
TEST(TransferBudget, BoardsTakeTurns) {
  Floor floor(64 << 10);
  floor.world.loop.run([](Floor& all) -> Task<> {
    Scope boards(all.world.loop, "boards");
    for (std::uint64_t i = 0; i < 100; ++i) {
      boards.spawn("greedy", Floor::transfer(all, 1, kSize));
    }
    for (const std::uint64_t board : {std::uint64_t{2}, std::uint64_t{3}}) {
      for (int i = 0; i < 3; ++i) boards.spawn("modest", Floor::transfer(all, board, kSize));
    }
    co_await boards.join();
  }(floor));
  const auto last = std::find(floor.order.rbegin(), floor.order.rend(), 3);
  EXPECT_LT(floor.order.rend() - last, 14);
  EXPECT_EQ(floor.order.size(), 106U);
}

// Reads that wait for answers must not keep out what those are answers to.
TEST(TransferBudget, ReadsLeaveRoomForWhatTheyWaitFor) {
  Floor floor(64 << 10);
  floor.world.loop.run([](Floor& all) -> Task<> {
    Scope reads(all.world.loop, "reads");
    for (std::uint64_t i = 0; i < 64; ++i) {
      reads.spawn("read", [](Floor& of, std::uint64_t board) -> Task<> {
        const auto loan = co_await of.budget.borrow(board, Way::kIn, kSize);
        (void)co_await sleep_for(1h);
      }(all, i));
    }
    Scope writes(all.world.loop, "writes");
    for (std::uint64_t i = 0; i < 64; ++i) {
      writes.spawn("write", Floor::transfer(all, i, kSize));
    }
    co_await writes.join();
    reads.cancel();
    co_await reads.join();
  }(floor));
  EXPECT_EQ(floor.done.size(), 64U);
}

// Larger than all there is: the kernel decides.
TEST(TransferBudget, WhatIsTooLargeGoesAlone) {
  Floor floor(64 << 10);
  floor.world.loop.run([](Floor& all) -> Task<> {
    Scope boards(all.world.loop, "boards");
    for (std::uint64_t i = 0; i < 4; ++i) {
      boards.spawn("large", Floor::transfer(all, i, 1 << 20));
    }
    co_await boards.join();
  }(floor));
  EXPECT_EQ(floor.most, 1);
  EXPECT_EQ(floor.done.size(), 4U);
}

// Who is cancelled in the queue leaves it, and those behind go on.
TEST(TransferBudget, WhoIsCancelledHoldsNobodyUp) {
  Floor floor(64 << 10);
  floor.world.loop.run([](Floor& all) -> Task<> {
    Scope first(all.world.loop, "first");
    Scope waits(all.world.loop, "waits");
    Scope behind(all.world.loop, "behind");
    first.spawn("small", Floor::transfer(all, 1, kSize));
    waits.spawn("large", Floor::transfer(all, 2, 1 << 20));
    behind.spawn("small", Floor::transfer(all, 3, 100));
    (void)co_await sleep_for(100us);
    EXPECT_EQ(all.in_flight, 1);
    waits.cancel();
    co_await waits.join();
    (void)co_await sleep_for(100us);
    EXPECT_EQ(all.in_flight, 2);
    co_await first.join();
    co_await behind.join();
  }(floor));
}

}  // namespace
}  // namespace gangd
