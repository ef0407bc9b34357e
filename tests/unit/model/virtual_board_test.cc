#include "tests/model/virtual_board.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "target_fw/core/crc32c.h"
#include "target_fw/xfp.h"
#include "tests/model/cpus.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

std::vector<std::uint8_t> frame(std::uint32_t sequence, std::uint8_t op,
                                const std::vector<std::uint8_t>& payload) {
  std::vector<std::uint8_t> bytes(XFP_HEADER_SIZE);
  const std::uint32_t magic = XFP_MAGIC;
  const std::uint32_t session = 1;
  const auto size = static_cast<std::uint16_t>(payload.size());
  const std::uint32_t address = 0x9000'0000;
  std::memcpy(&bytes[XFP_AT_MAGIC], &magic, 4);
  std::memcpy(&bytes[XFP_AT_SESSION], &session, 4);
  std::memcpy(&bytes[XFP_AT_SEQUENCE], &sequence, 4);
  bytes[XFP_AT_OP] = op;
  std::memcpy(&bytes[XFP_AT_SIZE], &size, 2);
  std::memcpy(&bytes[XFP_AT_ADDRESS], &address, 4);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  const std::uint32_t crc = crc32c_update(
      0, &bytes[XFP_AT_SESSION], static_cast<std::uint32_t>(bytes.size()) - XFP_AT_SESSION);
  std::memcpy(&bytes[XFP_AT_CRC], &crc, 4);
  if (bytes.size() % XFP_PACKET_UNIT == 0) bytes.push_back(0);
  return bytes;
}

// Boards in virtual time, asked over XFP by a host that takes none.
class Bench {
 public:
  VirtualBoard& add(const VirtualBoard::Options& options) {
    boards_.push_back(std::make_unique<VirtualBoard>(options));
    VirtualBoard& board = *boards_.back();
    board.on_complete = [this](Transfer& transfer) {
      EXPECT_EQ(transfer.outcome, Outcome::kDone);
      ended_ = now_;
      --open_;
    };
    board.plug(now_);
    return board;
  }
  void run_until_attached() {
    for (const auto& board : boards_) {
      while (!board->attached()) step();
    }
  }
  // When the last of them has ended.
  Time run(std::vector<std::pair<VirtualBoard*, Transfer*>> transfers) {
    open_ = transfers.size();
    for (auto& [board, transfer] : transfers) board->submit(*transfer, now_);
    while (open_ > 0) step();
    return ended_;
  }
  Time now() const { return now_; }

  // The time from an empty request to its answer.
  Time ask(VirtualBoard& board, std::vector<std::uint8_t> request) {
    Transfer out{.endpoint = 1, .setup = {}, .data = std::move(request)};
    Transfer in{.endpoint = 0x81, .setup = {}, .data = std::vector<std::uint8_t>(4608)};
    const Time begin = now_;
    return run({{&board, &out}, {&board, &in}}) - begin;
  }

 private:
  void step() {
    Time next = Time::max();
    for (const auto& board : boards_) next = std::min(next, board->advance(now_));
    ASSERT_NE(next, Time::max());
    now_ = std::max(now_, next);
  }

  std::vector<std::unique_ptr<VirtualBoard>> boards_;
  Time now_{};
  Time ended_{};
  std::size_t open_ = 0;
};

// What breaks: packets that are free on a bus that has a time, or boards that do not share it.
TEST(VirtualBoardTest, BoardsShareTheTimeOfTheirBus) {
  for (const int boards : {1, 8}) {
    UsbBus bus(UsbBus::kHighSpeed);
    Bench bench;
    std::vector<VirtualBoard*> all;
    for (int i = 0; i < boards; ++i) all.push_back(&bench.add({.bus = &bus}));
    bench.run_until_attached();
    std::vector<Transfer> transfers(all.size());
    std::vector<std::pair<VirtualBoard*, Transfer*>> open;
    for (std::size_t i = 0; i < all.size(); ++i) {
      // Of no session: it is received and thrown away.
      transfers[i] = {.endpoint = 1, .setup = {}, .data = frame(0, 0, {})};
      transfers[i].data.resize(4000, 1);
      open.emplace_back(all[i], &transfers[i]);
    }
    const Time begin = bench.now();
    const Time took = bench.run(open) - begin;
    // Eight packets, the last one short, for each.
    EXPECT_GT(took, boards * 90us);
    EXPECT_LT(took, boards * 100us + 20us);
  }
}

// What breaks: a CPU whose work is free: the check of a frame's CRC is what differs here.
TEST(VirtualBoardTest, TheCpuTakesItsTime) {
  const auto answer_time = [](const char* cpu, std::size_t payload) {
    UsbBus bus(UsbBus::kHighSpeed);
    Bench bench;
    VirtualBoard& board = bench.add({.cpu = cpu, .bus = &bus});
    bench.run_until_attached();
    bench.ask(board, frame(0, XFP_HELLO, {}));
    // No such request, but its frame is whole.
    return bench.ask(board, frame(1, 99, std::vector<std::uint8_t>(payload)));
  };
  const auto crc_time = [&](const char* name) {
    const Cpu& cpu = *find_cpu(name);
    return cpu.time((cpu.crc_byte + cpu.usb_byte) * 4000);
  };
  const Time fast = answer_time("STM32H7S7", 4000) - answer_time("STM32H7S7", 0);
  const Time slow = answer_time("STM32L496", 4000) - answer_time("STM32L496", 0);
  EXPECT_NEAR(static_cast<double>((slow - fast).count()),
              static_cast<double>((crc_time("STM32L496") - crc_time("STM32H7S7")).count()),
              50e3);  // its interrupts
  EXPECT_GT(slow - fast, 200us);
}

}  // namespace
}  // namespace gangd::model
