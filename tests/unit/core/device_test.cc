#include "target_fw/core/device.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>

#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"
#include "target_fw/core/xfp_frames.h"

#include "tests/unit/core/board.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;

// State in one struct: what one board does, no other sees.
TEST(Device, SixtyFourBoardsInOneProcess) {
  std::vector<std::unique_ptr<Board>> boards;
  for (std::uint8_t i = 0; i < 64; ++i) {
    boards.push_back(std::make_unique<Board>(Board::Options{.serial = i}));
  }
  for (std::uint16_t block = 2; block < 6; ++block) {
    for (std::size_t i = 0; i < boards.size(); ++i) {
      ASSERT_EQ(boards[i]->download(block, pattern(i * 100 + block, 4096)), Outcome::kDone);
    }
    for (auto& board : boards) ASSERT_EQ(board->settle().state, DFU_DNLOAD_IDLE);
  }
  for (std::size_t i = 0; i < boards.size(); ++i) {
    for (std::uint16_t block = 2; block < 6; ++block) {
      const Bytes expected = pattern(i * 100 + block, 4096);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                             boards[i]->memories[0].bytes.begin() + (block - 2) * 4096));
    }
    EXPECT_EQ(boards[i]->string(3).substr(22), fmt::format("{:02X}", i));
  }
}

// Sixteen SETUPs while the main loop is stuck: nothing is known of the bus, so begin anew on it.
TEST(Device, LostEventsMakeTheDeviceComeBackAsANewOne) {
  Board board;
  for (int i = 0; i < 40; ++i) board.usb.setup_only({0xa1, 3, 0, 0, 0, 0, 6, 0});
  board.run(1000);
  EXPECT_FALSE(board.usb.shown());
  board.run(DEVICE_AWAY_MS * 1000);
  EXPECT_TRUE(board.usb.shown());
  board.enumerate();
  EXPECT_EQ(board.status().state, DFU_IDLE);
}

// A completion is where a host submits the next; the model must not lose its place.
TEST(Device, ACompletionMaySubmitTheNext) {
  Board board;
  Transfer transfers[8];
  std::size_t done = 0;
  for (Transfer& transfer : transfers) {
    transfer.setup = {0xa1, 5, 0, 0, 0, 0, 1, 0};
    transfer.data.resize(1);
  }
  board.usb.on_complete = [&](Transfer&) {
    if (++done < std::size(transfers)) board.usb.submit(transfers[done]);
  };
  board.usb.submit(transfers[0]);
  board.run(10'000);
  EXPECT_EQ(done, std::size(transfers));
  for (const Transfer& transfer : transfers) EXPECT_EQ(transfer.data[0], DFU_IDLE);
}

TEST(Device, AFullSpeedBoardWorksTheSame) {
  Board board({.high_speed = false});
  EXPECT_FALSE(board.device.usb.high_speed);
  EXPECT_EQ(board.write_block(2, pattern(1, 4096)).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(Bytes(board.memories[0].bytes.begin(), board.memories[0].bytes.begin() + 4096),
            pattern(1, 4096));
}

// A frame of XFP to the first memory, whole and in its turn.
Bytes frame_of(std::uint8_t op, std::uint32_t sequence, std::uint32_t span, const Bytes& payload) {
  Bytes frame(XFP_HEADER_SIZE);
  store_le32(frame.data() + XFP_AT_MAGIC, XFP_MAGIC);
  store_le32(frame.data() + XFP_AT_SESSION, 1);
  store_le32(frame.data() + XFP_AT_SEQUENCE, sequence);
  frame[XFP_AT_OP] = op;
  store_le32(frame.data() + XFP_AT_ADDRESS, 0x90000000);
  store_le32(frame.data() + XFP_AT_SPAN, span);
  store_le32(frame.data() + XFP_AT_SIZE, static_cast<std::uint32_t>(payload.size()));
  frame.insert(frame.end(), payload.begin(), payload.end());
  const auto size = static_cast<std::uint32_t>(frame.size()) - XFP_AT_SESSION;
  store_le32(frame.data() + XFP_AT_CRC, crc32c_update(0, frame.data() + XFP_AT_SESSION, size));
  return frame;
}

// Found by tests/fuzz: DFU read the memory that XFP had begun to write since the last look. The
// memory complains of it.
TEST(Device, AnUploadWaitsForWhatXfpHasJustBegun) {
  for (int before = 0; before < 8; ++before) {
    Board board;
    std::deque<Transfer> frames;
    const auto send = [&](const Bytes& frame) {
      frames.push_back({.endpoint = XFP_ENDPOINT, .setup = {}, .data = frame});
      board.usb.submit(frames.back());
    };
    frames.push_back({.endpoint = XFP_ENDPOINT | USB_IN, .setup = {}, .data = Bytes(XFP_ROOM)});
    board.usb.submit(frames.back());
    send(frame_of(XFP_HELLO, 0, 0, {}));
    board.run(1000);
    send(frame_of(XFP_WRITE, 1, 16, Bytes(16, 0x41)));
    // The SETUP comes between two turns of the firmware's main loop.
    for (int i = 0; i < before; ++i) {
      board.usb.step();
      device_poll(&board.device);
    }
    const Reply upload = board.upload(2, 16);
    ASSERT_EQ(upload.outcome, Outcome::kDone) << before;
    EXPECT_TRUE(upload.bytes == Bytes(16, 0x41) || upload.bytes == Bytes(16, 0xff)) << before;
    board.run(10'000);
    EXPECT_EQ(board.memories[0].bytes[0], 0x41) << before;
    for (Transfer& transfer : frames) board.usb.cancel(transfer);
  }
}

// The program that is started would find the chip busy.
TEST(Device, TheApplicationWaitsForWhatXfpHasBegun) {
  Board board({.can_leave = true});
  std::deque<Transfer> frames;
  const auto send = [&](const Bytes& frame) {
    frames.push_back({.endpoint = XFP_ENDPOINT, .setup = {}, .data = frame});
    board.usb.submit(frames.back());
  };
  frames.push_back({.endpoint = XFP_ENDPOINT | USB_IN, .setup = {}, .data = Bytes(XFP_ROOM)});
  board.usb.submit(frames.back());
  ASSERT_EQ(board.set_pointer(0x90000000).state, DFU_DNLOAD_IDLE);
  send(frame_of(XFP_HELLO, 0, 0, {}));
  board.run(1000);
  send(frame_of(XFP_ERASE, 1, 4096, {}));
  board.memories[0].bytes[0] = 0;
  board.run(1000);
  ASSERT_TRUE(board.memories[0].busy());
  ASSERT_EQ(board.download(0, {}), Outcome::kDone);
  const DfuStatus status = board.status();
  EXPECT_EQ(status.state, DFU_MANIFEST_SYNC);
  EXPECT_GT(status.timeout_ms, 0U);
  board.run(100'000);
  EXPECT_EQ(board.status().state, DFU_MANIFEST);
  for (Transfer& transfer : frames) board.usb.cancel(transfer);
}

}  // namespace
}  // namespace gangd::model
