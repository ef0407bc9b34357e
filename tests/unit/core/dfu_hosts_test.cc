// What the hosts of the world really send, request by request, with how they react: each is an
// independent restatement of a program's behaviour, so that a change of the core that breaks one of
// them is seen without a board.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>

#include "tests/unit/core/board.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::uint32_t kBase = 0x90000000;

void wait(Board& board, const DfuStatus& status) {
  board.run(std::uint64_t{status.timeout_ms} * 1000);
}

// dfu-util 0.11.
class DfuUtil {
 public:
  explicit DfuUtil(Board& board) : board_(board) {}

  // What it does with any device before the transfer.
  void start() {
    ASSERT_TRUE(board_.select(0));
    for (int i = 0; i < 4; ++i) {
      const DfuStatus now = board_.status();
      if (now.state == DFU_IDLE) return;
      const bool is_idle = now.state == DFU_DNLOAD_IDLE || now.state == DFU_UPLOAD_IDLE;
      board_.request(is_idle ? DFU_ABORT : DFU_CLRSTATUS);
    }
    FAIL() << "no way to dfuIDLE";
  }

  // "Wrong state after command" if the first state is not dfuDNBUSY; "stuck" after 100 timeouts 0.
  bool special(const Bytes& command) {
    if (board_.download(0, command) != Outcome::kDone) return false;
    DfuStatus now = board_.status();
    if (now.state != DFU_DNBUSY) return false;
    int zeros = 0;
    while (now.state == DFU_DNBUSY) {
      zeros = now.timeout_ms == 0 ? zeros + 1 : 0;
      if (zeros == 100) return false;
      if (command.size() == 1 && now.timeout_ms == 100) now.timeout_ms = 35'000;
      longest_wait_ms = std::max(longest_wait_ms, now.timeout_ms);
      wait(board_, now);
      now = board_.status();
    }
    return now.status == DFU_OK;
  }

  bool chunk(std::uint16_t block, std::span<const std::uint8_t> bytes) {
    if (board_.download(block, bytes) != Outcome::kDone) return false;
    DfuStatus now{};
    do {
      now = board_.status();
      wait(board_, now);
    } while (now.state != DFU_DNLOAD_IDLE && now.state != DFU_ERROR && now.state != DFU_MANIFEST);
    return now.status == DFU_OK;
  }

  bool abort_to_idle() {
    return board_.request(DFU_ABORT) == Outcome::kDone && board_.status().state == DFU_IDLE;
  }

  // Erases all pages, then sets the pointer for each chunk.
  bool download(std::uint32_t address, const Bytes& image) {
    for (std::uint32_t at = 0; at < image.size(); at += 4096) {
      if (!special(command(0x41, address + at))) return false;
    }
    for (std::uint32_t at = 0; at < image.size(); at += 4096) {
      const auto size = std::min<std::size_t>(4096, image.size() - at);
      if (!special(command(0x21, address + at))) return false;
      if (!chunk(2, std::span(image).subspan(at, size))) return false;
    }
    return abort_to_idle();
  }

  Bytes upload(std::uint32_t address, std::uint32_t size) {
    Bytes all;
    if (!special(command(0x21, address)) || !abort_to_idle()) return all;
    for (std::uint16_t block = 2; all.size() < size; ++block) {
      const auto length = std::min<std::size_t>(4096, size - all.size());
      const Reply reply = board_.upload(block, static_cast<std::uint16_t>(length));
      all.insert(all.end(), reply.bytes.begin(), reply.bytes.end());
      if (reply.bytes.size() < length) break;
    }
    abort_to_idle();
    return all;
  }

  std::uint32_t longest_wait_ms = 0;

 private:
  Board& board_;
};

TEST(DfuHosts, DfuUtilDownloadsUploadsAndLeaves) {
  Board board({.can_leave = true});
  DfuUtil host(board);
  host.start();
  const Bytes image = pattern(1, 50'001);
  ASSERT_TRUE(host.download(kBase + 0x8000, image));
  EXPECT_TRUE(std::equal(image.begin(), image.end(), board.memories[0].bytes.begin() + 0x8000));
  EXPECT_EQ(host.upload(kBase + 0x8000, 50'001), image);
  EXPECT_EQ(host.upload(kBase + 0x8000, 40'960), Bytes(image.begin(), image.begin() + 40'960));
  // -s 0x90008000:leave
  ASSERT_TRUE(host.special(command(0x21, kBase + 0x8000)));
  ASSERT_TRUE(host.chunk(2, {}));
  board.run(1'000'000);
  EXPECT_EQ(board.jumps, std::vector{kBase + 0x8000});
}

// -s :leave of a .dfu file: there is no address, and it has aborted to dfuIDLE before.
TEST(DfuHosts, DfuUtilLeavesWithoutAnAddress) {
  Board board({.can_leave = true});
  DfuUtil host(board);
  host.start();
  ASSERT_TRUE(host.download(kBase, pattern(2, 100)));
  ASSERT_TRUE(host.chunk(2, {}));
  board.run(1'000'000);
  EXPECT_EQ(board.jumps, std::vector{kBase});
}

TEST(DfuHosts, DfuUtilMassErasesWithoutItsLongWait) {
  for (std::uint32_t ms : {100u, 99u, 5000u}) {
    Board board({.memories = {{.erase_all_ms = ms}}});
    board.memories[0].bytes.assign(board.memories[0].bytes.size(), 0);
    DfuUtil host(board);
    host.start();
    EXPECT_TRUE(host.special({0x41}));
    EXPECT_LE(host.longest_wait_ms, ms + 1);
    EXPECT_EQ(board.memories[0].bytes[77], 0xff);
  }
}

// The operator pulls no plug, only ^C: the next run must find a usable device.
TEST(DfuHosts, DfuUtilStartsAgainAfterItWasKilledAnywhere) {
  const Bytes image = pattern(3, 10'000);
  for (std::uint64_t killed_after = 1; killed_after < 40; ++killed_after) {
    Board board;
    struct Killed {};
    board.after_request = [&] {
      if (board.requests == killed_after + 2) throw Killed();
    };
    try {
      DfuUtil(board).download(kBase, image);
    } catch (const Killed&) {
    }
    board.after_request = nullptr;
    DfuUtil again(board);
    again.start();
    ASSERT_TRUE(again.download(kBase, image)) << killed_after;
    EXPECT_TRUE(std::equal(image.begin(), image.end(), board.memories[0].bytes.begin()));
  }
}

TEST(DfuHosts, DfuUtilStopsAtTheFirstErrorOfTheChip) {
  Board board;
  DfuUtil host(board);
  host.start();
  board.memories[0].outcomes = {DFU_OK, DFU_OK, DFU_OK, DFU_ERR_PROG};
  EXPECT_FALSE(host.download(kBase, pattern(3, 10'000)));
  EXPECT_EQ(board.status().status, DFU_ERR_PROG);
  host.start();
  EXPECT_TRUE(host.download(kBase, pattern(3, 10'000)));
}

// fwupd: the pointer once, then blocks 2, 3, 4 ...
TEST(DfuHosts, FwupdCountsBlocks) {
  Board board;
  const Bytes image = pattern(4, 30'000);
  for (std::uint32_t at = 0; at < image.size(); at += 4096) {
    ASSERT_EQ(board.erase(kBase + 0x4000 + at).state, DFU_DNLOAD_IDLE);
  }
  ASSERT_EQ(board.set_pointer(kBase + 0x4000).state, DFU_DNLOAD_IDLE);
  std::uint16_t block = 2;
  for (std::size_t at = 0; at < image.size(); at += 4096, ++block) {
    const auto size = std::min<std::size_t>(4096, image.size() - at);
    ASSERT_EQ(board.write_block(block, std::span(image).subspan(at, size)).state, DFU_DNLOAD_IDLE);
  }
  // Its verification: the pointer, ABORT, blocks 2 ... again.
  board.set_pointer(kBase + 0x4000);
  board.request(DFU_ABORT);
  Bytes read;
  for (std::uint16_t i = 2; i < block; ++i) {
    const Bytes bytes = board.upload(i, 4096).bytes;
    read.insert(read.end(), bytes.begin(), bytes.end());
  }
  read.resize(image.size());
  EXPECT_EQ(read, image);
}

// pydfu: exactly two polls without a pause, the first dfuDNBUSY and the second dfuDNLOAD-IDLE. That
// is met by what takes no time; for a flash operation it gives up, and must be able to come back.
TEST(DfuHosts, PydfuPollsTwiceAndMayComeBack) {
  Board board;
  board.download(0, command(0x21, kBase));
  EXPECT_EQ(board.status().state, DFU_DNBUSY);
  EXPECT_EQ(board.status().state, DFU_DNLOAD_IDLE);

  board.download(0, command(0x41, kBase));
  EXPECT_EQ(board.status().state, DFU_DNBUSY);
  EXPECT_EQ(board.status().state, DFU_DNBUSY) << "where pydfu raises its exception";
  // Its start: up to four rounds of GETSTATUS, then ABORT or CLRSTATUS.
  int rounds = 0;
  while (board.status().state != DFU_IDLE && ++rounds < 5) board.request(DFU_CLRSTATUS);
  EXPECT_LT(rounds, 4);
  EXPECT_EQ(board.write_block(2, Bytes(64)).state, DFU_DNLOAD_IDLE);
}

// CubeProgrammer on a device that is busy for longer than it said: CLRSTATUS brings dfuERROR, a
// second one dfuIDLE, and it goes on.
TEST(DfuHosts, CubeProgrammerClearsTheStatusTwice) {
  Board board({.memories = {{.erase_ms = 500, .slowness = 2}}});
  board.download(0, command(0x41, kBase));
  const DfuStatus first = board.status();
  wait(board, first);
  EXPECT_EQ(board.status().state, DFU_DNBUSY);
  board.request(DFU_CLRSTATUS);
  const DfuStatus error = board.status();
  EXPECT_EQ(error.state, DFU_ERROR);
  EXPECT_EQ(error.status, DFU_ERR_STALLEDPKT);
  EXPECT_EQ(board.request(DFU_CLRSTATUS), Outcome::kDone);
  const DfuStatus idle = board.status();
  EXPECT_EQ(idle.state, DFU_IDLE);
  EXPECT_EQ(idle.status, DFU_OK);
  EXPECT_EQ(board.erase(kBase + 4096).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(board.write_block(2, pattern(1, 4096)).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(board.memories[0].operations.size(), 3u);
}

}  // namespace
}  // namespace gangd::model
