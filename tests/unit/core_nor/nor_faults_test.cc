// The driver on chips that fail: the right status, in bounded time, and never a success over wrong
// content that the chip itself knows of.
#include <cstdio>

#include "tests/unit/core_nor/bench.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

const BenchOptions kBoards[] = {
    {},
    {.mode_max = NOR_OCTAL_STR},
    {.mode_max = NOR_SPI},
    {.part = "MX25UW25645G"},
    {.part = "MX25LM51245G"},
    {.part = "MX25R6435F", .lanes = 4},
    {.part = "MX25R6435F", .lanes = 1},
    {.part = "MT25QL512ABB", .lanes = 4},
    {.part = "MT25TL01G", .lanes = 8},
    {.part = "W25Q128JV", .lanes = 4},
    {.part = "IS25LP064A", .lanes = 4},
};

class NorFaulty : public testing::TestWithParam<BenchOptions> {
 protected:
  NorFaulty() : bench(GetParam()) {
    EXPECT_EQ(bench.start(), DFU_OK);
    before = bench.now;
  }
  ~NorFaulty() override { EXPECT_EQ(bench.complaints(), ""); }

  Time taken() const { return bench.now - before; }

  Bench bench;
  Time before{};
};

INSTANTIATE_TEST_SUITE_P(All, NorFaulty, testing::ValuesIn(kBoards), [](const auto& board) {
  return board.param.part + "_" + std::to_string(board.param.mode_max) + "_" +
         std::to_string(board.param.lanes);
});

// Makers without fail flags leave it to reading back.
TEST_P(NorFaulty, AFailedProgramIsReported) {
  bench.chip.fail_operation(2);
  if (bench.part.program_fail_bit == 0) {
    EXPECT_EQ(bench.write(0, noise(4096)), DFU_OK);
    EXPECT_NE(bench.read(0, 4096), noise(4096));
    return;
  }
  EXPECT_EQ(bench.write(0, noise(4096)), DFU_ERR_PROG);
  EXPECT_EQ(bench.chip.operations(), 3u) << "and nothing after it is written";
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_EQ(bench.write(0, noise(4096)), DFU_OK) << "the next begin clears it";
}

TEST_P(NorFaulty, AFailedEraseIsReported) {
  bench.chip.fail_operation(0);
  if (bench.part.erase_fail_bit == 0) {
    bench.chip.poke(0, Bytes(16, 0));
    EXPECT_EQ(bench.erase(0), DFU_OK);
    EXPECT_EQ(bench.read(0, 16), Bytes(16, 0));
    return;
  }
  EXPECT_EQ(bench.erase(0), DFU_ERR_ERASE);
  bench.chip.fail_operation(0);
  EXPECT_EQ(bench.erase_all(), DFU_ERR_ERASE);
  EXPECT_EQ(bench.erase(0), DFU_OK);
}

TEST_P(NorFaulty, AHungProgramEndsInATimeOut) {
  bench.chip.hang_operation(0);
  EXPECT_EQ(bench.write(0, {1}), DFU_ERR_VENDOR);
  EXPECT_LT(taken(), bench.part.times.page_program.maximum * 2);
  EXPECT_EQ(bench.erase(0), DFU_OK) << "a reset got it back";
  EXPECT_EQ(bench.write(0, noise(700)), DFU_OK);
  EXPECT_EQ(bench.read(0, 700), noise(700));
}

TEST_P(NorFaulty, AHungEraseEndsInATimeOut) {
  bench.chip.hang_operation(0);
  EXPECT_EQ(bench.erase(0), DFU_ERR_VENDOR);
  EXPECT_GE(taken(), bench.part.erase_types.back().time.maximum);
  EXPECT_LT(taken(), bench.part.erase_types.back().time.maximum * 8 / 5);
  EXPECT_EQ(bench.erase(0), DFU_OK);
}

// Its maximum is 77 minutes, and the clock of 32 bits wraps after 71.
TEST_P(NorFaulty, AHungChipEraseEndsInATimeOutDespiteTheClock) {
  bench.chip.hang_operation(0);
  EXPECT_EQ(bench.erase_all(), DFU_ERR_VENDOR);
  EXPECT_GE(taken(), bench.part.times.chip_erase.maximum);
  EXPECT_LT(taken(), bench.part.times.chip_erase.maximum * 8 / 5);
}

TEST_P(NorFaulty, AChipAtItsMaximaIsNotCutOff) {
  bench.chip.be_slow(true);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_EQ(bench.write(0, noise(4096)), DFU_OK);
  EXPECT_EQ(bench.peek(0, 4096), noise(4096));
  EXPECT_EQ(bench.erase_all(), DFU_OK);
}

// As a tester or the program in the field may leave it: a loader that could not write would be of
// no use.
TEST_P(NorFaulty, ProtectionThatStandsInTheWayIsLifted) {
  if (bench.nor.traits->protected_bits == 0) GTEST_SKIP() << "bits that no table tells of";
  bench.chip.protect(true);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_EQ(bench.write(0, {1}), DFU_OK);
  EXPECT_EQ(bench.peek(0, 1), Bytes{1});
  bench.chip.protect(true);
  EXPECT_EQ(bench.write(1, {2}), DFU_OK);
  bench.chip.protect(true);
  EXPECT_EQ(bench.erase_all(), DFU_OK);
  EXPECT_EQ(bench.peek(0, 2), Bytes(2, 0xff));
}

// Lifted by nobody who has nothing to write.
TEST_P(NorFaulty, ProtectionStaysWhileOnlyReading) {
  bench.chip.protect(true);
  (void)bench.read(0, 16);
  ASSERT_EQ(bench.nor.memory.restart(bench.nor.memory.self), DFU_OK);
  bench.chip.hold_registers(true);
  EXPECT_NE(bench.write(0, {1}), DFU_OK);
}

// Its write-protect pin holds the bits.
TEST_P(NorFaulty, AChipThatStaysProtectedIsReportedAndNotTouched) {
  if (bench.nor.traits->protected_bits == 0) GTEST_SKIP() << "bits that no table tells of";
  bench.chip.protect(true);
  bench.chip.hold_registers(true);
  // An MX25R is not found again: out of its low-power mode leads only the register that is held.
  const dfu_status refusal =
      bench.nor.family == NOR_FAMILY_MACRONIX_LOW_POWER ? DFU_ERR_VENDOR : DFU_ERR_WRITE;
  EXPECT_EQ(bench.erase(0), refusal);
  EXPECT_EQ(bench.erase_all(), refusal);
  EXPECT_EQ(bench.write(0, {1}), refusal);
  EXPECT_EQ(bench.chip.operations(), 0u);
  bench.chip.protect(false);
  bench.chip.hold_registers(false);
  EXPECT_EQ(bench.write(0, {1}), DFU_OK);
}

// By a bit of its own, which no status register shows: parts with fail flags tell.
TEST_P(NorFaulty, ALockedBlockIsReported) {
  bench.chip.poke(0, Bytes(16, 0x5a));
  bench.chip.lock_block(0);
  const dfu_status erased = bench.erase(0);
  const dfu_status written = bench.write(0, Bytes(16, 0));
  if (bench.part.maker == Part::Maker::kMacronix) {
    EXPECT_EQ(erased, DFU_ERR_ERASE);
    EXPECT_EQ(written, DFU_ERR_PROG);
  } else if (bench.part.maker == Part::Maker::kMicron) {
    EXPECT_EQ(erased, DFU_ERR_WRITE);
    EXPECT_EQ(written, DFU_ERR_WRITE);
  }
  EXPECT_EQ(bench.read(0, 16), Bytes(16, 0x5a));
  EXPECT_EQ(bench.write(bench.block() * 2, noise(300)), DFU_OK) << "the others are free";
  EXPECT_EQ(bench.read(bench.block() * 2, 300), noise(300));
}

// The chip says that it is done and is not. No status can tell; reading back does.
TEST_P(NorFaulty, ASkippedProgramShowsOnlyWhenReadBack) {
  bench.chip.skip_operation(3);
  EXPECT_EQ(bench.write(0, noise(4096)), DFU_OK);
  EXPECT_NE(bench.read(0, 4096), noise(4096));
}

TEST_P(NorFaulty, ASkippedEraseShowsOnlyWhenReadBack) {
  bench.chip.poke(0, Bytes(16, 0));
  bench.chip.skip_operation(0);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_NE(bench.read(0, 16), Bytes(16, 0xff));
}

TEST_P(NorFaulty, AWornBitShowsOnlyWhenReadBack) {
  bench.chip.weaken_bit(100, 2);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_EQ(bench.write(0, noise(256)), DFU_OK);
  int wrong = 0;
  for (int i = 0; i < 50; ++i) wrong += bench.read(0, 256) != noise(256);
  EXPECT_GT(wrong, 0);
  EXPECT_LT(wrong, 50);
}

TEST_P(NorFaulty, PowerGoneInTheMiddleIsNoticedAtOnce) {
  bench.chip.cut_power_at_operation(1);
  EXPECT_EQ(bench.write(0, noise(1024)), DFU_ERR_VENDOR);
  EXPECT_LT(taken(), 20ms);
  EXPECT_EQ(bench.write(0, noise(1024)), DFU_ERR_VENDOR) << "it is still gone";
  Bytes bytes(16);
  EXPECT_EQ(bench.nor.memory.read(bench.nor.memory.self, kBase, bytes.data(), 16), DFU_ERR_VENDOR);
  bench.chip.power_on(bench.now);
  EXPECT_EQ(bench.erase(0), DFU_OK) << "back again, without a new start";
  EXPECT_EQ(bench.write(0, noise(1024)), DFU_OK);
  EXPECT_EQ(bench.read(0, 1024), noise(1024));
}

// Micron: a failure stays in the flag status register, and the chip write-enabled, until it is
// told.
TEST(NorFaults, AFailureLeavesAMicronPartAsItWas) {
  Bench bench({.part = "MT25QL512ABB", .lanes = 4});
  ASSERT_EQ(bench.start(), DFU_OK);
  bench.chip.fail_operation(0);
  EXPECT_EQ(bench.write(0, {1}), DFU_ERR_PROG);
  EXPECT_EQ(bench.read_register(0x05), Bytes{0x00});
  EXPECT_EQ(bench.read_register(0x70), Bytes{0x80});
  bench.chip.fail_operation(0);
  EXPECT_EQ(bench.erase(0), DFU_ERR_ERASE);
  EXPECT_EQ(bench.read_register(0x05), Bytes{0x00});
  EXPECT_EQ(bench.read_register(0x70), Bytes{0x80});
}

// What the host was promised, size and blocks, is that of the chip that was there at the start.
TEST(NorFaults, AnotherChipThanBeforeIsNotWritten) {
  Part part = *find_part("MX25R6435F");
  Bench bench({.part = "MX25R6435F"}, part);
  ASSERT_EQ(bench.start(), DFU_OK);
  bench.chip.power_off(bench.now);
  EXPECT_EQ(bench.write(0, {1}), DFU_ERR_VENDOR);
  part.jedec_id = {0xc2, 0x28, 0x16};
  bench.chip.power_on(bench.now);
  EXPECT_EQ(bench.write(0, {1}), DFU_ERR_VENDOR);
  EXPECT_EQ(bench.chip.operations(), 0u);
  part.jedec_id = {0xc2, 0x28, 0x17};
  EXPECT_EQ(bench.write(0, {1}), DFU_OK);
}

// A reading of SFDP that was disturbed: blocks of other sizes, another size of the whole.
TEST(NorFaults, WhatSfdpSaysLaterChangesNothing) {
  Part part = *find_part("MX25R6435F");
  Bench bench({.part = "MX25R6435F", .lanes = 4}, part);
  ASSERT_EQ(bench.start(), DFU_OK);
  bench.chip.poke(0, Bytes(65536, 0));
  part.sfdp = find_part("MT25QL512ABB")->sfdp;
  ASSERT_EQ(bench.nor.memory.restart(bench.nor.memory.self), DFU_OK);
  EXPECT_EQ(bench.nor.part.size, part.size);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_EQ(bench.peek(0, 65536), Bytes(65536, 0xff));
  EXPECT_EQ(bench.write(0, noise(600)), DFU_OK);
  EXPECT_EQ(bench.read(0, 600), noise(600));
}

// As chips of several dies do that share their pins in turn. Done at once, it would be believed.
TEST_P(NorFaulty, AChipThatIgnoresAChipEraseIsReported) {
  bench.chip.ignore_chip_erase();
  EXPECT_EQ(bench.erase_all(), DFU_ERR_ERASE);
  EXPECT_LT(taken(), 1s);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_EQ(bench.write(0, noise(300)), DFU_OK);
  EXPECT_EQ(bench.read(0, 300), noise(300));
  EXPECT_EQ(bench.complaints(), "");
}

TEST_P(NorFaulty, ABrokenControllerIsReported) {
  bench.controller_broken = true;
  EXPECT_EQ(bench.erase(0), DFU_ERR_VENDOR);
  EXPECT_EQ(bench.write(0, {1}), DFU_ERR_VENDOR);
  EXPECT_EQ(bench.start(), DFU_ERR_VENDOR);
}

dfu_status erase_and_program(Bench& bench, std::uint32_t at, const Bytes& bytes) {
  for (std::uint32_t done = 0; done < bytes.size(); done += bench.block()) {
    if (const dfu_status s = bench.erase(at + done); s != DFU_OK) return s;
  }
  for (std::uint32_t done = 0; done < bytes.size(); done += 4096) {
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(done);
    if (const dfu_status s = bench.write(at + done, Bytes(from, from + 4096)); s != DFU_OK) {
      return s;
    }
  }
  return DFU_OK;
}

void expect_content(Bench& bench, std::uint32_t at, const Bytes& bytes) {
  Bytes read;
  for (std::uint32_t done = 0; done < bytes.size(); done += 4096) {
    const Bytes part = bench.read(at + done, 4096);
    read.insert(read.end(), part.begin(), part.end());
  }
  EXPECT_EQ(read == bytes, true) << "as read";
  EXPECT_EQ(bench.peek(at, static_cast<std::uint32_t>(bytes.size())) == bytes, true);
}

struct CutRun {
  BenchOptions board;
  std::uint32_t size;
};

// Power may fail at any moment of a production run; no moment may cost the board.
TEST(NorPowerCut, AtEveryOperationOfARun) {
  constexpr std::uint32_t kAt = 0x100000;
  const CutRun runs[] = {{{}, 3 * 65536},
                         {{.part = "MX25R6435F", .lanes = 4}, 65536},
                         {{.part = "MT25QL512ABB", .lanes = 4}, 2 * 65536},
                         {{.part = "MT25TL01G", .lanes = 8}, 131072},
                         {{.part = "W25Q128JV", .lanes = 4}, 65536}};
  for (const CutRun& run : runs) {
    const BenchOptions& board = run.board;
    Bench uncut(board);
    ASSERT_EQ(uncut.start(), DFU_OK);
    const Bytes old_bytes = noise(run.size, 1);
    const Bytes new_bytes = noise(run.size, 2);
    ASSERT_EQ(erase_and_program(uncut, kAt, new_bytes), DFU_OK);
    const std::uint64_t operations = uncut.chip.operations();
    EXPECT_EQ(operations, run.size / uncut.block() + run.size / uncut.part.page_size);
    for (std::uint64_t n = 0; n < operations; ++n) {
      SCOPED_TRACE(board.part + ", cut at operation " + std::to_string(n));
      BenchOptions seeded = board;
      seeded.seed = n + 1;
      Bench bench(seeded);
      ASSERT_EQ(bench.start(), DFU_OK);
      bench.chip.poke(kAt, old_bytes);
      bench.chip.cut_power_at_operation(n);
      EXPECT_EQ(erase_and_program(bench, kAt, new_bytes), DFU_ERR_VENDOR);
      ASSERT_TRUE(bench.chip.cut());
      ASSERT_EQ(bench.restart_after_power_cycle(), DFU_OK);
      ASSERT_EQ(erase_and_program(bench, kAt, new_bytes), DFU_OK);
      expect_content(bench, kAt, new_bytes);
      ASSERT_EQ(bench.complaints(), "");
    }
    std::printf("%s: cut at each of %llu operations, programmed again after each\n",
                board.part.c_str(), static_cast<unsigned long long>(operations));
  }
}

}  // namespace
}  // namespace gangd::model
