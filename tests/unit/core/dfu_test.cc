#include "target_fw/core/dfu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "tests/unit/core/board.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::uint32_t kBase = 0x90000000;
constexpr std::uint32_t kSize = 1024 * 1024;

Bytes content(const Board& board, std::uint32_t offset, std::size_t size, std::size_t memory = 0) {
  const auto begin = board.memories[memory].bytes.begin() + offset;
  return {begin, begin + static_cast<std::ptrdiff_t>(size)};
}

void expect_error(Board& board, dfu_status status) {
  const DfuStatus now = board.settle();
  EXPECT_EQ(now.state, DFU_ERROR);
  EXPECT_EQ(now.status, status);
  EXPECT_EQ(now.string, DFU_STATUS_STRING + status);
  EXPECT_EQ(board.status().status, status) << "kept until CLRSTATUS";
  EXPECT_EQ(board.request(DFU_CLRSTATUS), Outcome::kDone);
  EXPECT_EQ(board.status().state, DFU_IDLE);
}

// dfu-util gives up with "Wrong state after command" when the first answer is anything else.
TEST(Dfu, TheFirstStatusAfterEachBlockIsBusy) {
  Board board({.memories = {{.erase_ms = 40, .write_ms = 2}}});
  const std::pair<std::uint16_t, Bytes> blocks[] = {{0, command(0x21, kBase)},
                                                    {0, command(0x41, kBase)},
                                                    {0, {0x41}},
                                                    {2, pattern(1, 4096)},
                                                    {0, {0x92}},
                                                    {1, {0}},
                                                    {2, pattern(1, 7)}};
  const std::uint32_t timeouts[] = {0, 40, 3000, 2, 0, 0, 2};
  for (std::size_t i = 0; i < std::size(blocks); ++i) {
    ASSERT_EQ(board.download(blocks[i].first, blocks[i].second), Outcome::kDone);
    EXPECT_EQ(board.state(), DFU_DNLOAD_SYNC) << "GETSTATE has no effect";
    const auto operations = board.memories[0].operations.size();
    board.run(100'000);
    EXPECT_EQ(board.memories[0].operations.size(), operations) << "nothing begins by itself";
    const DfuStatus first = board.status();
    EXPECT_EQ(first.state, DFU_DNBUSY) << i;
    EXPECT_EQ(first.status, DFU_OK) << i;
    EXPECT_EQ(first.timeout_ms, timeouts[i]) << i;
    if (board.settle().state == DFU_ERROR) board.request(DFU_CLRSTATUS);
  }
}

// Hosts sleep for the timeout, so the time that is left must shrink, and is never 0: after a
// hundred zeros dfu-util declares the device stuck. Nor is it 100 for a mass erase, which would
// cost 35 s.
TEST(Dfu, TimeoutsTellWhatIsLeft) {
  for (const double slowness : {0.95, 3.0}) {
    Board board({.memories = {{.erase_all_ms = 1000, .slowness = slowness}}});
    ASSERT_EQ(board.download(0, Bytes{0x41}), Outcome::kDone);
    std::uint32_t last = 1'000'000;
    DfuStatus now = board.status();
    while (now.state == DFU_DNBUSY) {
      EXPECT_GE(now.timeout_ms, 1u);
      EXPECT_NE(now.timeout_ms, 100u);
      EXPECT_LE(now.timeout_ms, std::max(last + 1, 1000u / 8 + 1));
      last = now.timeout_ms;
      board.run(500);
      now = board.status();
    }
    EXPECT_EQ(now.state, DFU_DNLOAD_IDLE);
  }
  Board exact({.memories = {{.erase_all_ms = 100}}});
  exact.download(0, Bytes{0x41});
  EXPECT_EQ(exact.status().timeout_ms, 101u);
  Board zero({.memories = {{.write_ms = 0}}});
  zero.download(2, Bytes(16));
  EXPECT_EQ(zero.status().timeout_ms, 1u) << "an operation takes some time";
}

// One wait of the advertised length, and the host may go on: that is what makes a download fast.
TEST(Dfu, TwoPollsAreEnoughWhenTheHostWaitsAsTold) {
  Board board;
  for (std::uint16_t i = 0; i < 20; ++i) {
    ASSERT_EQ(board.download(static_cast<std::uint16_t>(i + 2), pattern(i, 4096)), Outcome::kDone);
    const DfuStatus first = board.status();
    board.run(first.timeout_ms * 1000);
    EXPECT_EQ(board.status().state, DFU_DNLOAD_IDLE);
  }
}

// A host that polls too late, or whose poll finds the main loop after a long absence.
TEST(Dfu, ALatePollLearnsOfTheEndAtOnce) {
  Board board;
  board.download(0, command(0x41, kBase));
  board.status();
  board.freeze(10'000'000);
  EXPECT_EQ(board.status().state, DFU_DNLOAD_IDLE);
}

// --- blocks and addresses

TEST(Dfu, BlocksAreWrittenAtThePointerPlusTheirNumber) {
  Board board;
  EXPECT_EQ(board.set_pointer(kBase + 0x10000).state, DFU_DNLOAD_IDLE);
  const Bytes whole = pattern(1, 4096), half = pattern(2, 1000), odd = pattern(3, 1);
  EXPECT_EQ(board.write_block(2, whole).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(board.write_block(4, half).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(board.write_block(5, odd).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(content(board, 0x10000, 4096), whole);
  EXPECT_EQ(content(board, 0x12000, 1000), half);
  EXPECT_EQ(content(board, 0x13000, 1), odd);
  EXPECT_EQ(content(board, 0x11000, 4096), Bytes(4096, 0xff));
}

// A host of plain DFU 1.1 knows no pointer.
TEST(Dfu, WithoutAPointerTheMemoryBeginsAtBlockTwo) {
  Board board;
  const Bytes bytes = pattern(9, 64);
  EXPECT_EQ(board.write_block(2, bytes).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(content(board, 0, 64), bytes);
}

TEST(Dfu, EveryLengthArrives) {
  Board board;
  for (std::size_t size : {1u, 2u, 63u, 64u, 65u, 128u, 1024u, 4095u, 4096u}) {
    ASSERT_EQ(board.erase(kBase).state, DFU_DNLOAD_IDLE);
    const Bytes bytes = pattern(size, size);
    ASSERT_EQ(board.write_block(2, bytes).state, DFU_DNLOAD_IDLE);
    EXPECT_EQ(content(board, 0, size), bytes);
  }
}

TEST(Dfu, TheLastByteIsInsideAndTheNextIsNot) {
  Board board;
  board.set_pointer(kBase + kSize - 16);
  EXPECT_EQ(board.write_block(2, pattern(1, 16)).state, DFU_DNLOAD_IDLE);
  board.download(2, pattern(1, 17));
  expect_error(board, DFU_ERR_ADDRESS);
  EXPECT_EQ(board.erase(kBase + kSize - 1).state, DFU_DNLOAD_IDLE);
  for (std::uint32_t address : {kBase - 1, kBase + kSize, 0u, 0xffffffffu}) {
    board.download(0, command(0x41, address));
    expect_error(board, DFU_ERR_ADDRESS);
    board.set_pointer(address);
    board.download(2, Bytes(1));
    expect_error(board, DFU_ERR_ADDRESS);
  }
  EXPECT_EQ(board.memories[0].operations.size(), 2u);
}

// An address that wraps would come out at the other end of the memory map.
TEST(Dfu, PointerPlusOffsetMayNotWrap) {
  Board board({.memories = {{.geometry = flash(0, 64 * 1024, 4096)}}});
  for (std::uint32_t pointer : {0xfffff000u, 0xffffffffu, 0xf0003000u}) {
    for (std::uint16_t block : {std::uint16_t{3}, std::uint16_t{0xffff}}) {
      board.set_pointer(pointer);
      board.download(block, Bytes(4096));
      expect_error(board, DFU_ERR_ADDRESS);
      board.set_pointer(pointer);
      board.request(DFU_ABORT);
      EXPECT_EQ(board.upload(block, 64).outcome, Outcome::kStalled);
      expect_error(board, DFU_ERR_ADDRESS);
    }
  }
  EXPECT_TRUE(board.memories[0].operations.empty());
}

TEST(Dfu, AMemoryAtTheTopOfTheAddressesIsWritableToItsEnd) {
  Board board({.memories = {{.geometry = flash(0xffff0000, 65536, 4096)}}});
  board.set_pointer(0xfffff000);
  EXPECT_EQ(board.write_block(2, Bytes(4096)).state, DFU_DNLOAD_IDLE);
  board.download(2, Bytes(4096));
  board.settle();
  board.set_pointer(0xffffffff);
  board.download(2, Bytes(2));
  expect_error(board, DFU_ERR_ADDRESS);
}

// Octal DTR chips write in pairs, internal flash in words of 16 or 32 bytes.
TEST(Dfu, UnalignedWritesAreRefusedBeforeTheChipSeesThem) {
  Board board({.memories = {{.geometry = flash(kBase, kSize, 4096, 16)}}});
  for (std::uint32_t by = 1; by < 16; ++by) {
    board.set_pointer(kBase + by);
    board.download(2, Bytes(16));
    expect_error(board, DFU_ERR_ADDRESS);
    board.set_pointer(kBase);
    board.download(2, Bytes(16 + by));
    expect_error(board, DFU_ERR_ADDRESS);
  }
  board.set_pointer(kBase + 32);
  EXPECT_EQ(board.write_block(2, Bytes(48)).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(board.memories[0].operations.size(), 1u);
}

TEST(Dfu, WhatIsNotAllowedIsNotDone) {
  Board board({.memories = {{.readable = false}, {.erasable = false, .writable = false}}});
  EXPECT_EQ(board.upload(2, 64).outcome, Outcome::kStalled);
  expect_error(board, DFU_ERR_TARGET);
  ASSERT_TRUE(board.select(1));
  board.download(2, Bytes(16));
  expect_error(board, DFU_ERR_WRITE);
  board.download(0, command(0x41, kBase));
  expect_error(board, DFU_ERR_WRITE);
  board.download(0, Bytes{0x41});
  expect_error(board, DFU_ERR_WRITE);
  EXPECT_EQ(board.upload(2, 64).outcome, Outcome::kDone);
}

// Each alternate setting is one memory; its neighbour must be out of reach.
TEST(Dfu, AnAddressOfAnotherMemoryIsRefused) {
  Board board({.memories = {{}, {.name = "Internal", .geometry = flash(0x08000000, 65536, 8192)}}});
  board.download(0, command(0x41, 0x08000000));
  expect_error(board, DFU_ERR_ADDRESS);
  ASSERT_TRUE(board.select(1));
  EXPECT_EQ(board.write_block(2, pattern(4, 100)).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(content(board, 0, 100, 1), pattern(4, 100));
  EXPECT_TRUE(board.memories[0].operations.empty());
  EXPECT_FALSE(board.select(2));
}

// --- commands

// All lengths of all opcodes: what is no command must do nothing, above all not erase.
TEST(Dfu, OnlyWholeCommandsDoAnything) {
  Board board;
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    for (std::size_t size : {1u, 2u, 4u, 5u, 6u, 4096u}) {
      const bool known =
          (size == 5 && (opcode == 0x21 || opcode == 0x41)) || (size == 1 && opcode == 0x41);
      if (known) continue;
      Bytes bytes = command(static_cast<std::uint8_t>(opcode), kBase);
      bytes.resize(size);
      ASSERT_EQ(board.download(0, bytes), Outcome::kDone);
      expect_error(board, DFU_ERR_TARGET);
    }
  }
  EXPECT_TRUE(board.memories[0].operations.empty());
  board.download(1, Bytes{0x41});
  expect_error(board, DFU_ERR_TARGET);
}

TEST(Dfu, ErasesDoWhatTheySayTwiceAsWell) {
  Board board;
  std::fill(board.memories[0].bytes.begin(), board.memories[0].bytes.end(), std::uint8_t{0});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(board.erase(kBase + 0x1004).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(content(board, 0x1000, 4096), Bytes(4096, 0xff));
  EXPECT_EQ(content(board, 0, 4096), Bytes(4096, 0));
  EXPECT_EQ(content(board, 0x2000, 4096), Bytes(4096, 0));
  EXPECT_EQ(board.erase_all().state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(content(board, 0, kSize), Bytes(kSize, 0xff));
}

TEST(Dfu, RequestsThatDoNotFitAreStalled) {
  Board board;
  EXPECT_EQ(board.write(0x21, DFU_DNLOAD, 2, Bytes(4097)).outcome, Outcome::kStalled);
  expect_error(board, DFU_ERR_STALLEDPKT);
  EXPECT_EQ(board.upload(2, 4097).outcome, Outcome::kStalled);
  expect_error(board, DFU_ERR_STALLEDPKT);
  EXPECT_EQ(board.write(0x21, DFU_ABORT, 0, Bytes(1)).outcome, Outcome::kStalled);
  expect_error(board, DFU_ERR_STALLEDPKT);
  EXPECT_EQ(board.write(0x21, 7, 0).outcome, Outcome::kStalled) << "no such request";
  expect_error(board, DFU_ERR_STALLEDPKT);
  EXPECT_EQ(board.write(0x21, DFU_GETSTATUS, 0).outcome, Outcome::kStalled) << "wrong direction";
  expect_error(board, DFU_ERR_STALLEDPKT);
  EXPECT_EQ(board.read(0xa1, DFU_DNLOAD, 2, 4).outcome, Outcome::kStalled);
  expect_error(board, DFU_ERR_STALLEDPKT);
  EXPECT_EQ(board.download(2, {}), Outcome::kStalled) << "nothing to manifest in dfuIDLE";
  expect_error(board, DFU_ERR_STALLEDPKT);
  EXPECT_EQ(board.read(0xa1, DFU_GETSTATUS, 0, 3).bytes.size(), 3u) << "cut, as USB has it";
}

// --- uploads

TEST(Dfu, AnUploadEndsShortAtTheEndOfTheMemory) {
  Board board({.memories = {{.geometry = flash(kBase, 10000, 100)}}});
  board.memories[0].bytes = pattern(5, 10000);
  EXPECT_EQ(board.upload(2, 4096).bytes, content(board, 0, 4096));
  EXPECT_EQ(board.state(), DFU_UPLOAD_IDLE);
  EXPECT_EQ(board.upload(3, 4096).bytes, content(board, 4096, 4096));
  EXPECT_EQ(board.upload(4, 4096).bytes, content(board, 8192, 1808));
  EXPECT_EQ(board.state(), DFU_IDLE) << "a short one is the end of the file";
  EXPECT_EQ(board.upload(5, 4096).outcome, Outcome::kStalled);
  expect_error(board, DFU_ERR_ADDRESS);
}

TEST(Dfu, AnUploadOfAWholeNumberOfBlocksEndsWithAnEmptyOne) {
  Board board({.memories = {{.geometry = flash(kBase, 8192, 4096)}}});
  board.upload(2, 4096);
  board.upload(3, 4096);
  EXPECT_EQ(board.state(), DFU_UPLOAD_IDLE);
  const Reply last = board.upload(4, 4096);
  EXPECT_EQ(last.outcome, Outcome::kDone);
  EXPECT_TRUE(last.bytes.empty());
  EXPECT_EQ(board.state(), DFU_IDLE);
}

// A host that reads 64 bytes a block still finds block 3 at 4096: the stride is wTransferSize.
// Read back to verify, out of a chip that is not in the state that it should be in.
TEST(Dfu, WhatIsReadBackComesOutOfTheCells) {
  Board board;
  ASSERT_EQ(board.write_block(2, pattern(1, 4096)).state, DFU_DNLOAD_IDLE);
  ASSERT_EQ(board.request(DFU_ABORT), Outcome::kDone);
  board.memories[0].reads_wrong = true;
  EXPECT_EQ(board.upload(2, 4096).bytes, pattern(1, 4096));
  EXPECT_EQ(board.upload(3, 4096).bytes, Bytes(4096, 0xff));
  EXPECT_EQ(board.memories[0].restarts, 1) << "once is enough";
  ASSERT_EQ(board.request(DFU_ABORT), Outcome::kDone);
  ASSERT_EQ(board.erase(0x90000000).state, DFU_DNLOAD_IDLE);
  ASSERT_EQ(board.request(DFU_ABORT), Outcome::kDone);
  board.memories[0].reads_wrong = true;
  EXPECT_EQ(board.upload(2, 4096).bytes, Bytes(4096, 0xff));
}

TEST(Dfu, TheStrideOfAnUploadIsNotItsLength) {
  Board board;
  board.memories[0].bytes = pattern(6, kSize);
  EXPECT_EQ(board.upload(2, 64).bytes, content(board, 0, 64));
  EXPECT_EQ(board.upload(3, 64).bytes, content(board, 4096, 64));
  EXPECT_EQ(board.request(DFU_ABORT), Outcome::kDone);
  board.set_pointer(kBase + 100);
  EXPECT_EQ(board.upload(2, 64).outcome, Outcome::kStalled) << "after a download without ABORT";
  expect_error(board, DFU_ERR_STALLEDPKT);
  EXPECT_EQ(board.upload(2, 64).bytes, content(board, 100, 64)) << "the pointer stays";
}

TEST(Dfu, BlockZeroOfAnUploadListsTheCommands) {
  Board board;
  EXPECT_EQ(board.upload(0, 64).bytes, (Bytes{0x00, 0x21, 0x41}));
  EXPECT_EQ(board.state(), DFU_IDLE);
  EXPECT_EQ(board.upload(0, 2).bytes, (Bytes{0x00, 0x21}));
  EXPECT_EQ(board.state(), DFU_UPLOAD_IDLE);
  EXPECT_EQ(board.upload(1, 64).outcome, Outcome::kStalled) << "reserved";
  expect_error(board, DFU_ERR_TARGET);
}

TEST(Dfu, AFailedReadIsNotAnsweredWithBytes) {
  Board board;
  board.memories[0].read_outcome = DFU_ERR_VENDOR;
  EXPECT_EQ(board.upload(2, 64).outcome, Outcome::kStalled);
  expect_error(board, DFU_ERR_VENDOR);
}

// --- failures of the flash

TEST(Dfu, WhatTheMemorySaysIsWhatTheHostReads) {
  for (int status = DFU_ERR_TARGET; status <= DFU_ERR_UNKNOWN; ++status) {
    Board board;
    const auto expected = static_cast<dfu_status>(status);
    for (const auto& block : {command(0x41, kBase), Bytes{0x41}}) {
      board.memories[0].outcomes = {expected};
      board.download(0, block);
      expect_error(board, expected);
    }
    board.memories[0].outcomes = {expected};
    board.download(2, Bytes(4096));
    board.settle();
    EXPECT_EQ(board.download(3, Bytes(4096)), Outcome::kStalled) << "nothing goes on after it";
    expect_error(board, expected);
    EXPECT_EQ(board.write_block(2, Bytes(16)).state, DFU_DNLOAD_IDLE) << "and the next is new";
    EXPECT_NE(board.string(static_cast<std::uint8_t>(DFU_STATUS_STRING + status)), "");
  }
}

}  // namespace
}  // namespace gangd::model
