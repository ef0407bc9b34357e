#include "target_fw/core/device.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>

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

}  // namespace
}  // namespace gangd::model
