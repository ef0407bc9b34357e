#include "tests/model/cells.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes peek(const Cells& cells, std::uint32_t address, std::uint32_t size) {
  Bytes bytes(size);
  cells.peek(address, bytes);
  return bytes;
}

// A driver that writes over what is there must not look right.
TEST(Cells, ProgrammingOnlyClearsBits) {
  Cells cells(sim::Prng(1));
  cells.program(10, Bytes{0xf0, 0x0f});
  cells.program(10, Bytes{0x3c, 0xff});
  EXPECT_EQ(peek(cells, 9, 4), (Bytes{0xff, 0x30, 0x0f, 0xff}));
}

TEST(Cells, EraseIsForItsRangeOnly) {
  Cells cells(sim::Prng(1));
  cells.poke(0, Bytes(3 * Cells::kBlockSize, 0x00));
  cells.erase(4096, 4096);
  EXPECT_EQ(peek(cells, 4095, 1), Bytes{0x00});
  EXPECT_EQ(peek(cells, 4096, 4096), Bytes(4096, 0xff));
  EXPECT_EQ(peek(cells, 8192, 1), Bytes{0x00});
  cells.erase(Cells::kBlockSize, Cells::kBlockSize);
  EXPECT_EQ(peek(cells, Cells::kBlockSize - 1, 2), (Bytes{0x00, 0xff}));
  EXPECT_EQ(peek(cells, 2 * Cells::kBlockSize - 1, 2), (Bytes{0xff, 0x00}));
}

TEST(Cells, ACutProgramLeavesARandomSubset) {
  Cells cells(sim::Prng(7));
  cells.program_partly(0, Bytes(256, 0x0f), 500);
  int cleared = 0;
  for (std::uint8_t byte : peek(cells, 0, 256)) {
    EXPECT_EQ(byte & 0x0f, 0x0f) << "bits that were to stay";
    cleared += std::popcount(static_cast<std::uint8_t>(~byte));
  }
  EXPECT_GT(cleared, 300);
  EXPECT_LT(cleared, 724) << "of 1024, about half";
}

TEST(Cells, ACutEraseIsSomewhereBetweenZeroAndOne) {
  for (const std::uint32_t progress : {100u, 500u}) {
    Cells cells(sim::Prng(3));
    cells.poke(0, Bytes(4096, 0xaa));
    cells.erase_partly(0, 4096, progress);
    int ones = 0;
    for (std::uint8_t byte : peek(cells, 0, 4096)) ones += std::popcount(byte);
    EXPECT_GT(ones, 1000) << progress;
    EXPECT_LT(ones, 4096 * 8 - 1000) << progress;
  }
}

// The trap for a driver that skips what reads blank.
TEST(Cells, ALateCutReadsBlankButDoesNotHold) {
  Cells cells(sim::Prng(3));
  cells.poke(0, Bytes(4096, 0x00));
  cells.erase_partly(0, 4096, 990);
  EXPECT_EQ(peek(cells, 0, 4096), Bytes(4096, 0xff));

  Bytes now_and_then(4096);
  cells.read(0, now_and_then);
  EXPECT_NE(now_and_then, Bytes(4096, 0xff)) << "some cells flip";

  cells.program(0, Bytes(4096, 0x00));
  EXPECT_NE(peek(cells, 0, 4096), Bytes(4096, 0x00)) << "some cells did not take it";

  cells.erase(0, 4096);
  cells.program(0, Bytes(4096, 0x00));
  Bytes firm(4096);
  cells.read(0, firm);
  EXPECT_EQ(firm, Bytes(4096, 0x00)) << "a full erase heals them";
}

// A blank check sees nothing of it then.
TEST(Cells, HalfErasedCellsMayReadRightUntilPowerIsOnTheNextTime) {
  Cells cells(sim::Prng(3));
  cells.poke(0, Bytes(4096, 0x00));
  cells.erase_partly(0, 4096, 990);
  int kind = 0;
  for (int i = 0; i < 40; ++i) {
    cells.powered_on();
    Bytes bytes(4096);
    cells.read(0, bytes);
    const bool reads_blank = bytes == Bytes(4096, 0xff);
    for (int again = 0; again < 3; ++again) {
      cells.read(0, bytes);
      EXPECT_EQ(bytes == Bytes(4096, 0xff), reads_blank) << i;
    }
    EXPECT_FALSE(cells.firm(0, 4096));
    kind += reads_blank;
  }
  EXPECT_GT(kind, 5);
  EXPECT_LT(kind, 35);
  cells.erase(0, 4096);
  EXPECT_TRUE(cells.firm(0, 4096));
  cells.wear_out(4095, 0);
  EXPECT_FALSE(cells.firm(0, 4096));
  EXPECT_TRUE(cells.firm(0, 4095));
}

TEST(Cells, AWornBitReadsBothWaysAndIsNotHealed) {
  Cells cells(sim::Prng(5));
  cells.wear_out(100, 3);
  cells.erase(0, Cells::kBlockSize);
  int wrong = 0;
  for (int i = 0; i < 100; ++i) {
    Bytes byte(1);
    cells.read(100, byte);
    if (byte[0] != 0xff) {
      EXPECT_EQ(byte[0], 0xf7);
      ++wrong;
    }
  }
  EXPECT_GT(wrong, 5);
  EXPECT_LT(wrong, 60);
}

// Two runs of one seed must agree, or no failure can be replayed.
TEST(Cells, TheSeedDecides) {
  const auto run = [](std::uint64_t seed) {
    Cells cells{sim::Prng(seed)};
    cells.erase_partly(0, 4096, 400);
    return peek(cells, 0, 4096);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace gangd::model
