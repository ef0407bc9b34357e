// What must hold whatever the host does.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/sim/prng.h"
#include "tests/unit/core/board.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::uint32_t kBase = 0x90000000;

// Whole downloads, a step at a time, so that they can be begun again anywhere.
bool download(Board& board, const Bytes& image) {
  for (std::uint32_t at = 0; at < image.size(); at += 4096) {
    if (board.erase(kBase + at).state != DFU_DNLOAD_IDLE) return false;
    if (board.set_pointer(kBase + at).state != DFU_DNLOAD_IDLE) return false;
    const auto size = std::min<std::size_t>(4096, image.size() - at);
    if (board.write_block(2, std::span(image).subspan(at, size)).state != DFU_DNLOAD_IDLE) {
      return false;
    }
  }
  return true;
}

struct Interrupted {};

// The cable is kicked after each single control transfer of a download in turn: the board must
// enumerate again, be in dfuIDLE, and take the whole download.
TEST(DfuProperty, ABusResetAfterAnyRequestCostsThatDownloadOnly) {
  const Bytes image = pattern(1, 9000);
  std::uint64_t requests = 0;
  {
    Board board;
    const std::uint64_t before = board.requests;
    ASSERT_TRUE(download(board, image));
    requests = board.requests - before;
  }
  ASSERT_GT(requests, 20u);
  for (std::uint64_t n = 1; n <= requests; ++n) {
    Board board;
    const std::uint64_t end = board.requests + n;
    board.after_request = [&] {
      if (board.requests == end) throw Interrupted();
    };
    try {
      download(board, image);
    } catch (const Interrupted&) {
    }
    board.after_request = nullptr;
    board.bus_reset();
    board.enumerate();
    EXPECT_EQ(board.status().state, DFU_IDLE) << n;
    ASSERT_TRUE(download(board, image)) << n;
    EXPECT_TRUE(std::equal(image.begin(), image.end(), board.memories[0].bytes.begin())) << n;
  }
}

// What the memory must hold, from what the host has sent and been told alone. An operation counts
// from the GETSTATUS that begins it; those that wait for the chip are begun in order or dropped.
class Oracle {
 public:
  explicit Oracle(std::uint32_t size) : bytes(size, 0xff), pointer(kBase) {}

  void sent(std::uint16_t block, const Bytes& data) {
    waits_ = true;
    block_ = block;
    data_ = data;
  }
  void dropped() { waits_ = false; }
  // GETSTATUS was answered with dfuDNBUSY for the first time.
  void begun() {
    if (!waits_) return;
    waits_ = false;
    if (block_ == 0 && data_.size() == 5 && data_[0] == 0x21) pointer = address();
    if (block_ == 0 && data_.size() == 5 && data_[0] == 0x41) erase(address());
    if (block_ == 0 && data_.size() == 1 && data_[0] == 0x41) {
      std::fill(bytes.begin(), bytes.end(), std::uint8_t{0xff});
    }
    if (block_ >= 2) write();
  }

  Bytes bytes;
  std::uint32_t pointer;

 private:
  std::uint32_t address() const {
    return static_cast<std::uint32_t>(data_[1] | data_[2] << 8 | data_[3] << 16) |
           static_cast<std::uint32_t>(data_[4]) << 24;
  }
  void erase(std::uint32_t at) {
    if (at < kBase || at - kBase >= bytes.size()) return;
    std::fill_n(bytes.begin() + (at - kBase) / 4096 * 4096, 4096, std::uint8_t{0xff});
  }
  void write() {
    const std::uint64_t at = std::uint64_t{pointer} + (block_ - 2u) * std::uint64_t{4096};
    if (at < kBase || at + data_.size() > kBase + bytes.size()) return;
    for (std::size_t i = 0; i < data_.size(); ++i) {
      bytes[static_cast<std::size_t>(at - kBase) + i] &= data_[i];
    }
  }

  bool waits_ = false;
  std::uint16_t block_ = 0;
  Bytes data_;
};

class RandomHost {
 public:
  explicit RandomHost(std::uint64_t seed)
      : prng_(seed),
        board_({.memories = {{.geometry = flash(kBase, kSize, 4096), .erase_all_ms = 200}}}),
        oracle_(kSize) {}

  void act() {
    switch (prng_.below(16)) {
      case 0:
        return request(DFU_ABORT);
      case 1:
        return request(DFU_CLRSTATUS);
      case 2:
        if (prng_.chance(200)) request(DFU_DETACH);
        return;
      case 3:
        return upload();
      case 4:
        if (prng_.chance(200)) reset();
        return;
      case 5:
        return board_.run(prng_.below(60'000));
      case 6:
      case 7:
        return download(0, command(0x21, address()));
      case 8:
        return download(0, command(0x41, address()));
      case 9:
        if (prng_.chance(300)) download(0, {0x41});
        return;
      case 10:
      case 11:
        return download(block(), pattern(prng_.next(), 1 + prng_.below(4096)));
      default:
        return status();
    }
  }

  // Nothing waits and nothing runs any more.
  void finish() {
    reset();
    board_.run(1'000'000);
    ASSERT_FALSE(board_.memories[0].busy());
    ASSERT_EQ(board_.memories[0].bytes, oracle_.bytes);
    EXPECT_EQ(board_.status().state, DFU_IDLE);
  }

 private:
  static constexpr std::uint32_t kSize = 64 * 1024;

  // Mostly inside; the rest at and beyond the edges.
  std::uint32_t address() {
    const std::uint32_t edges[] = {kBase - 1, kBase + kSize, kBase + kSize - 1, 0, 0xffffffff};
    if (prng_.chance(100)) return edges[prng_.below(std::size(edges))];
    return kBase + static_cast<std::uint32_t>(prng_.below(kSize));
  }
  std::uint16_t block() {
    if (prng_.chance(50)) return static_cast<std::uint16_t>(prng_.below(65536));
    return static_cast<std::uint16_t>(2 + prng_.below(3));
  }

  void download(std::uint16_t number, const Bytes& data) {
    settle_what_runs();
    const int before = board_.device.dfu.state;
    if (board_.download(number, data) == Outcome::kDone) {
      EXPECT_TRUE(before == DFU_IDLE || before == DFU_DNLOAD_IDLE);
      oracle_.sent(number, data);
    } else {
      oracle_.dropped();
    }
  }
  // What waits for the chip behind a job that was dropped has not begun either; the host cannot
  // tell, so it lets that be done before it drops.
  void settle_what_runs() {
    if (board_.device.dfu.job.phase == FLASH_WAITING) board_.run(1'000'000);
  }
  void request(std::uint8_t code) {
    settle_what_runs();
    board_.request(code);
    oracle_.dropped();
  }
  void upload() {
    settle_what_runs();
    board_.upload(block(), 64);
    if (board_.device.dfu.state == DFU_ERROR) oracle_.dropped();
  }
  void reset() {
    settle_what_runs();
    oracle_.dropped();
    oracle_.pointer = kBase;
    board_.enumerate();
  }
  void status() {
    if (board_.status().state == DFU_DNBUSY) oracle_.begun();
  }

  sim::Prng prng_;
  Board board_;
  Oracle oracle_;
};

// The fake memory itself complains of writes outside the window and of two operations at once.
TEST(DfuProperty, AnyOrderOfRequestsLeavesWhatWasAskedFor) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomHost host(seed);
    for (int i = 0; i < 300; ++i) host.act();
    host.finish();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace gangd::model
