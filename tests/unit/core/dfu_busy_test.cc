// Time: what the chip still does when nobody waits for it, leaving, and beginning anew.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <initializer_list>

#include "tests/unit/core/board.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::uint32_t kBase = 0x90000000;
constexpr std::uint32_t kSize = 1024 * 1024;

Bytes content(const Board& board, std::uint32_t offset, std::size_t size) {
  const auto begin = board.memories[0].bytes.begin() + offset;
  return {begin, begin + static_cast<std::ptrdiff_t>(size)};
}

// --- what cannot be stopped

// The chip goes on whatever the host says: each way out of dfuDNBUSY, then a write and a read.
TEST(Dfu, AnOperationThatWasDroppedIsWaitedFor) {
  for (int way = 0; way < 4; ++way) {
    Board board({.memories = {{.erase_ms = 2000}}});
    board.memories[0].bytes.assign(kSize, 0);
    board.download(0, command(0x41, kBase));
    EXPECT_EQ(board.status().timeout_ms, 2000u);
    board.run(100'000);
    if (way == 0) {
      EXPECT_EQ(board.request(DFU_ABORT), Outcome::kStalled);
      EXPECT_EQ(board.request(DFU_CLRSTATUS), Outcome::kDone);
    } else if (way == 1) {
      EXPECT_EQ(board.request(DFU_CLRSTATUS), Outcome::kStalled);
      EXPECT_EQ(board.request(DFU_CLRSTATUS), Outcome::kDone);
    } else if (way == 2) {
      EXPECT_TRUE(board.select(0));
    } else {
      board.bus_reset();
      board.enumerate();
    }
    EXPECT_EQ(board.status().state, DFU_IDLE) << way;
    EXPECT_TRUE(board.memories[0].busy());
    const Bytes bytes = pattern(1, 4096);
    ASSERT_EQ(board.download(2, bytes), Outcome::kDone);
    const DfuStatus first = board.status();
    EXPECT_EQ(first.state, DFU_DNBUSY);
    EXPECT_NEAR(first.timeout_ms, 1900, 10) << "the erase, and then the write";
    EXPECT_EQ(board.memories[0].operations.size(), 1u);
    EXPECT_EQ(board.settle().state, DFU_DNLOAD_IDLE);
    EXPECT_EQ(content(board, 0, 4096), bytes);
  }
}

// Dropped again while it waits, it must never happen.
TEST(Dfu, WhatWaitsForTheChipCanStillBeDropped) {
  Board board({.memories = {{.erase_ms = 2000}}});
  board.download(0, command(0x41, kBase));
  board.status();
  EXPECT_TRUE(board.select(0));
  board.download(2, Bytes(4096, 0));
  EXPECT_EQ(board.status().state, DFU_DNBUSY);
  EXPECT_TRUE(board.select(0));
  const Bytes bytes = pattern(8, 512);
  board.download(2, bytes);
  EXPECT_EQ(board.settle().state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(board.memories[0].operations.size(), 2u);
  EXPECT_EQ(content(board, 0, 512), bytes);
}

TEST(Dfu, TheResultOfWhatWasDroppedIsNotThatOfTheNext) {
  Board board;
  board.memories[0].outcomes = {DFU_ERR_ERASE, DFU_OK};
  board.download(0, command(0x41, kBase));
  board.status();
  EXPECT_TRUE(board.select(0));
  EXPECT_EQ(board.write_block(2, Bytes(64)).status, DFU_OK);
}

// A read has to wait for the chip; the host is held off, and GETSTATUS is still answered.
TEST(Dfu, AnUploadWaitsUntilTheChipIsFree) {
  Board board({.memories = {{.erase_ms = 2000}}});
  board.memories[0].bytes.assign(kSize, 0);
  board.download(0, command(0x41, kBase));
  board.status();
  EXPECT_TRUE(board.select(0));
  const Reply reply = board.upload(2, 64);
  EXPECT_EQ(reply.outcome, Outcome::kDone);
  EXPECT_EQ(reply.bytes, Bytes(64, 0xff));
  EXPECT_GT(reply.took_us, 1'500'000u);
  EXPECT_LT(reply.took_us, 2'000'000u);

  EXPECT_EQ(board.request(DFU_ABORT), Outcome::kDone);
  board.download(0, command(0x41, kBase));
  board.status();
  EXPECT_TRUE(board.select(0));
  board.usb.setup_only({0xa1, DFU_UPLOAD, 2, 0, 0, 0, 64, 0});
  board.run(1000);
  EXPECT_EQ(board.status().state, DFU_IDLE) << "the read has not happened";
  EXPECT_EQ(board.upload(0, 64).bytes.size(), 3u) << "and this needs no chip";
}

TEST(Dfu, StatusIsAnsweredAtAnyTimeOfALongErase) {
  Board board({.memories = {{.erase_all_ms = 250'000, .slowness = 1.2}}});
  board.download(0, Bytes{0x41});
  int polls = 0;
  while (board.status().state == DFU_DNBUSY) {  // status() fails the test at 50 ms
    board.run(777'000);
    ++polls;
  }
  EXPECT_GT(polls, 300);
  EXPECT_EQ(board.status().state, DFU_DNLOAD_IDLE);
}

// --- leaving

TEST(Dfu, WithoutFirmwareToStartTheDeviceStays) {
  Board board;
  board.write_block(2, Bytes(64));
  EXPECT_EQ(board.download(3, {}), Outcome::kDone);
  EXPECT_EQ(board.state(), DFU_MANIFEST_SYNC);
  const DfuStatus first = board.status();
  EXPECT_EQ(first.state, DFU_MANIFEST);
  EXPECT_EQ(first.timeout_ms, 1u);
  EXPECT_EQ(board.status().state, DFU_IDLE) << "A.2.7, bitManifestationTolerant";
  EXPECT_TRUE(board.usb.shown());
}

TEST(Dfu, LeavingAnswersFirstAndThenGoes) {
  for (bool with_pointer : {true, false}) {
    Board board({.can_leave = true});
    board.write_block(2, Bytes(64));
    board.request(DFU_ABORT);
    if (with_pointer) board.set_pointer(0x90040000);
    EXPECT_EQ(board.download(2, {}), Outcome::kDone);
    const DfuStatus answer = board.status();
    EXPECT_EQ(answer.state, DFU_MANIFEST);
    EXPECT_EQ(answer.status, DFU_OK);
    EXPECT_TRUE(board.usb.shown()) << "until the host has its answer";
    EXPECT_TRUE(board.jumps.empty());
    board.run(100'000);
    EXPECT_FALSE(board.usb.shown());
    board.run(DEVICE_AWAY_MS * 1000);
    EXPECT_EQ(board.jumps, std::vector{with_pointer ? 0x90040000u : kBase});
    EXPECT_TRUE(board.usb.shown()) << "the jump has come back";
    board.enumerate();
    EXPECT_EQ(board.status().state, DFU_IDLE);
  }
}

TEST(Dfu, FirmwareThatCannotStartIsAnErrorThatIsTold) {
  Board board({.can_leave = true});
  board.leave_check = DFU_ERR_FIRMWARE;
  board.set_pointer(kBase);
  EXPECT_EQ(board.download(2, {}), Outcome::kDone);
  const DfuStatus answer = board.status();
  EXPECT_EQ(answer.state, DFU_ERROR);
  EXPECT_EQ(answer.status, DFU_ERR_FIRMWARE);
  board.run(1'000'000);
  EXPECT_TRUE(board.usb.shown());
  EXPECT_TRUE(board.jumps.empty());
}

// Code must not be started from a chip that is being erased.
TEST(Dfu, LeavingWaitsForTheChip) {
  Board board({.memories = {{.erase_ms = 2000}}, .can_leave = true});
  board.download(0, command(0x41, kBase));
  board.status();
  EXPECT_TRUE(board.select(0));
  EXPECT_EQ(board.download(2, {}), Outcome::kDone);
  const DfuStatus answer = board.status();
  EXPECT_EQ(answer.state, DFU_MANIFEST_SYNC);
  EXPECT_NEAR(answer.timeout_ms, 2000, 10);
  board.run(answer.timeout_ms * 1000);
  EXPECT_EQ(board.status().state, DFU_MANIFEST);
  board.run(400'000);
  EXPECT_EQ(board.jumps.size(), 1u);
}

// The reset is how a host of DFU 1.1 has the firmware start (A.2.9).
TEST(Dfu, ABusResetWhileLeavingLeavesAtOnce) {
  Board board({.can_leave = true});
  board.download(2, {});
  board.status();
  board.bus_reset();
  EXPECT_FALSE(board.usb.shown());
  board.run(DEVICE_AWAY_MS * 1000);
  EXPECT_EQ(board.jumps.size(), 1u);
}

// --- what ends everything

TEST(Dfu, SelectingABusResetAndAConfigurationBeginAnew) {
  const auto to_upload = [](Board& b) { b.upload(2, 64); };
  const auto to_error = [](Board& b) { b.request(DFU_DETACH); };
  const auto to_download = [](Board& b) { b.set_pointer(kBase + 4096); };
  const auto to_sync = [](Board& b) { b.download(2, Bytes(64)); };
  for (const auto& bring : std::initializer_list<std::function<void(Board&)>>{
           to_upload, to_error, to_download, to_sync}) {
    for (int way = 0; way < 3; ++way) {
      Board board;
      bring(board);
      if (way == 0) EXPECT_TRUE(board.select(0));
      if (way == 1) board.enumerate();
      if (way == 2) EXPECT_EQ(board.write(0x00, 9, 1).outcome, Outcome::kDone);
      const DfuStatus now = board.status();
      EXPECT_EQ(now.state, DFU_IDLE);
      EXPECT_EQ(now.status, DFU_OK);
      board.write_block(2, pattern(1, 16));
      EXPECT_EQ(content(board, 0, 16), pattern(1, 16)) << "the pointer is at the beginning again";
    }
  }
}

}  // namespace
}  // namespace gangd::model
