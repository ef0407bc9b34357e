// The driver on chips that are well.
#include <cstdio>

#include "tests/sim/prng.h"
#include "tests/unit/core_nor/bench.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

struct Way {
  const char* name;
  BenchOptions options;
  nor_mode expected;
};

// Every mode of every part, by what the board allows and by how many lanes it has.
const Way kWays[] = {
    {"OctalDtr", {}, NOR_OCTAL_DTR},
    {"OctalDtrWithoutDma", {.dma = false}, NOR_OCTAL_DTR},
    {"OctalStr", {.mode_max = NOR_OCTAL_STR}, NOR_OCTAL_STR},
    {"OctalPartOnFourLanes", {.lanes = 4}, NOR_SPI},
    {"OctalPartInSpi", {.mode_max = NOR_SPI}, NOR_SPI},
    {"Uw25645", {.part = "MX25UW25645G"}, NOR_OCTAL_DTR},
    {"Uw25645Str", {.part = "MX25UW25645G", .mode_max = NOR_OCTAL_STR}, NOR_OCTAL_STR},
    {"Lm51245", {.part = "MX25LM51245G"}, NOR_OCTAL_DTR},
    {"Lm51245Str", {.part = "MX25LM51245G", .mode_max = NOR_OCTAL_STR}, NOR_OCTAL_STR},
    {"Lm51245InSpi", {.part = "MX25LM51245G", .mode_max = NOR_SPI}, NOR_SPI},
    {"Quad", {.part = "MX25R6435F", .lanes = 4}, NOR_QUAD},
    {"QuadPartOnOneLane", {.part = "MX25R6435F", .lanes = 1}, NOR_SPI},
    {"QuadPartInSpi", {.part = "MX25R6435F", .mode_max = NOR_SPI}, NOR_SPI},
    {"Micron", {.part = "MT25QL512ABB", .lanes = 4}, NOR_QUAD},
    {"MicronOnOneLane", {.part = "MT25QL512ABB", .lanes = 1}, NOR_SPI},
    {"TwoDies", {.part = "MT25TL01G", .lanes = 8}, NOR_QUAD},
    {"TwoDiesOnALaneEach", {.part = "MT25TL01G", .lanes = 2}, NOR_SPI},
    {"Winbond", {.part = "W25Q128JV", .lanes = 4}, NOR_QUAD},
    {"WinbondOnOneLane", {.part = "W25Q128JV", .lanes = 1}, NOR_SPI},
    {"Issi", {.part = "IS25LP064A", .lanes = 4}, NOR_QUAD},
    {"IssiOnOneLane", {.part = "IS25LP064A", .lanes = 1}, NOR_SPI},
};

class NorWays : public testing::TestWithParam<Way> {};

INSTANTIATE_TEST_SUITE_P(All, NorWays, testing::ValuesIn(kWays),
                         [](const auto& way) { return std::string(way.param.name); });

TEST_P(NorWays, Identifies) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  EXPECT_EQ(bench.nor.mode, GetParam().expected);
  EXPECT_EQ(bench.nor.from_sfdp, !bench.part.sfdp.empty());
  EXPECT_EQ(bench.nor.memory.geometry.address, kBase);
  EXPECT_EQ(bench.nor.memory.geometry.size, bench.part.size);
  EXPECT_EQ(bench.nor.memory.geometry.erase_size, bench.block());
  EXPECT_EQ(bench.nor.memory.geometry.erase_min, bench.small());
  EXPECT_EQ(bench.complaints(), "");
}

TEST_P(NorWays, ErasesProgramsAndReadsBack) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  const std::uint32_t block = bench.block();
  const std::uint32_t at = bench.part.size - 2 * block;
  bench.chip.poke(at, Bytes(2 * block, 0x00));
  EXPECT_EQ(bench.erase(at), DFU_OK);
  EXPECT_EQ(bench.peek(at, block), Bytes(block, 0xff));
  EXPECT_EQ(bench.peek(at + block, 1), Bytes{0x00}) << "only the block asked for";
  const Bytes bytes = noise(4096);
  EXPECT_EQ(bench.write(at, bytes), DFU_OK);
  EXPECT_EQ(bench.read(at, 4096), bytes);
  EXPECT_EQ(bench.peek(at, 4096), bytes);
  EXPECT_EQ(bench.complaints(), "");
}

// Offsets and lengths that are odd, that end a page, that cross one.
TEST_P(NorWays, WritesAndReadsAnyPiece) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  std::uint32_t at = 0x40000;
  for (const std::uint32_t offset : {0u, 1u, 2u, 255u}) {
    for (const std::uint32_t size : {0u, 1u, 2u, 3u, 255u, 256u, 257u, 513u}) {
      const Bytes bytes = noise(size, offset + size);
      ASSERT_EQ(bench.write(at + offset, bytes), DFU_OK);
      EXPECT_EQ(bench.read(at + offset, size), bytes) << offset << "+" << size;
      EXPECT_EQ(bench.peek(at + offset, size), bytes) << offset << "+" << size;
      EXPECT_EQ(bench.peek(at, offset), Bytes(offset, 0xff));
      EXPECT_EQ(bench.peek(at + offset + size, 2), Bytes(2, 0xff));
      at += 1024;
    }
  }
  EXPECT_EQ(bench.complaints(), "");
}

TEST_P(NorWays, AnEraseTakesTheLargestBlockThatFits) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  const std::uint32_t large = bench.block();
  const std::uint32_t small = bench.small();
  bench.chip.poke(0, Bytes(2 * large, 0x00));
  EXPECT_EQ(bench.erase(small, large), DFU_OK);
  EXPECT_EQ(bench.erased, small) << "no larger block begins there";
  EXPECT_EQ(bench.peek(0, small), Bytes(small, 0x00));
  EXPECT_EQ(bench.peek(small, small), Bytes(small, 0xff));
  EXPECT_EQ(bench.peek(2 * small, small), Bytes(small, 0x00));
  EXPECT_EQ(bench.erase(large, 2 * small), DFU_OK);
  EXPECT_EQ(bench.erased, small) << "a larger one would not end there";
  EXPECT_EQ(bench.erase(0, 8 * large), DFU_OK);
  EXPECT_EQ(bench.erased, large);
  EXPECT_EQ(bench.peek(0, large), Bytes(large, 0xff));
  EXPECT_EQ(bench.complaints(), "");
}

TEST_P(NorWays, ARestartKeepsWhatIsInTheCells) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  const Bytes bytes = noise(300);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_EQ(bench.write(0, bytes), DFU_OK);
  EXPECT_EQ(bench.nor.memory.restart(bench.nor.memory.self), DFU_OK);
  EXPECT_EQ(bench.read(0, 300), bytes);
  EXPECT_EQ(bench.complaints(), "");
}

// Erases and writes in any order leave what a simple array would hold.
TEST_P(NorWays, AnyOrderOfOperationsEqualsAnOracle) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  const std::uint32_t block_size = bench.block();
  const std::uint32_t oracle_size = 4 * block_size;
  const std::uint32_t at = bench.part.size / 2 - oracle_size / 2;
  Bytes oracle(oracle_size, 0xff);
  sim::Prng prng(20);
  for (int i = 0; i < 200; ++i) {
    if (prng.chance(100)) {
      const auto block = static_cast<std::uint32_t>(prng.below(4)) * block_size;
      ASSERT_EQ(bench.erase(at + block), DFU_OK);
      std::fill_n(oracle.begin() + block, block_size, std::uint8_t{0xff});
    } else {
      const auto size = static_cast<std::uint32_t>(prng.below(4097));
      const auto offset = static_cast<std::uint32_t>(prng.below(oracle_size - size + 1));
      const Bytes bytes = noise(size, static_cast<std::uint32_t>(i));
      ASSERT_EQ(bench.write(at + offset, bytes), DFU_OK);
      for (std::uint32_t k = 0; k < size; ++k) oracle[offset + k] &= bytes[k];
    }
  }
  EXPECT_EQ(bench.peek(at, oracle_size) == oracle, true);
  EXPECT_EQ(bench.peek(at - 1, 1), Bytes{0xff});
  EXPECT_EQ(bench.peek(at + oracle_size, 1), Bytes{0xff});
  EXPECT_EQ(bench.complaints(), "");
}

TEST_P(NorWays, TellsHonestTimes) {
  for (const bool slow : {false, true}) {
    Bench bench(GetParam().options);
    ASSERT_EQ(bench.start(), DFU_OK);
    bench.chip.be_slow(slow);
    const memory& memory = bench.nor.memory;
    const auto ms_of = [&](auto&& operation) {
      const Time before = bench.now;
      EXPECT_EQ(operation(), DFU_OK);
      return static_cast<double>((bench.now - before).count()) / 1e6;
    };
    // With a slow chip the first ones are told too short; then they are measured.
    for (int i = 0; i < 12; ++i) ms_of([&] { return bench.erase(0); });
    for (int i = 0; i < 3; ++i) ms_of([&] { return bench.write(0, Bytes(4096, 0)); });
    const std::uint32_t erase_told = memory.erase_ms(memory.self, memory.geometry.erase_size);
    const double erase = ms_of([&] { return bench.erase(0); });
    EXPECT_GE(erase_told + 1, erase * 0.95);
    EXPECT_LE(erase_told, erase * 1.05 + 1);
    const std::uint32_t write_told = memory.write_ms(memory.self, 4096);
    const double write = ms_of([&] { return bench.write(0, Bytes(4096, 0)); });
    EXPECT_GE(write_told + 1, write * 0.95);
    EXPECT_LE(write_told, write * 1.05 + 1);
  }
}

TEST_P(NorWays, ErasesEverything) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  bench.chip.poke(0, Bytes(16, 0));
  bench.chip.poke(bench.part.size - 16, Bytes(16, 0));
  const Time before = bench.now;
  EXPECT_EQ(bench.erase_all(), DFU_OK);
  EXPECT_EQ(bench.peek(0, 16), Bytes(16, 0xff));
  EXPECT_EQ(bench.peek(bench.part.size - 16, 16), Bytes(16, 0xff));
  const std::uint32_t told_ms = bench.nor.memory.erase_all_ms(bench.nor.memory.self);
  EXPECT_NEAR(told_ms, static_cast<double>((bench.now - before).count()) / 1e6, 50);
  EXPECT_EQ(bench.complaints(), "");
}

// Programming at the speed of the cells: the bus and the polls must not add much.
TEST_P(NorWays, PollsFewTimesAndLateByLittle) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  ASSERT_EQ(bench.write(0, Bytes(65536, 0x00)), DFU_OK);
  const std::uint64_t polls_before = bench.polls;
  const Time before = bench.now;
  ASSERT_EQ(bench.write(0, Bytes(65536, 0x00)), DFU_OK);
  const std::uint32_t pages = 65536 / bench.part.page_size;
  const Time cells = pages * bench.part.times.page_program.typical;
  EXPECT_LT(bench.polls - polls_before, pages * 16);
  const double ratio =
      static_cast<double>((bench.now - before).count()) / static_cast<double>(cells.count());
  // On one lane 256 bytes alone take 41 us at 50 MHz, beside 152 us in the cells.
  const double bytes_us = 256 * 8 / 50.0 / bench.nor.access.data_lanes_write;
  const double cells_us = static_cast<double>(bench.part.times.page_program.typical / 1us);
  EXPECT_LT(ratio, 1.07 + bytes_us / cells_us);
  std::printf("%s: %.3f times as long as the cells take, %.1f looks a page\n", GetParam().name,
              ratio, static_cast<double>(bench.polls - polls_before) / pages);
}

// Two halves of a read, wherever it begins and ends; a command in between waits for the first.
TEST_P(NorWays, ReadsWhileTheCallerDoesSomethingElse) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  const Bytes bytes = noise(600);
  bench.chip.poke(1000, bytes);
  for (const std::uint32_t at : {0u, 1u, 7u}) {
    for (const std::uint32_t size : {1u, 2u, 255u, 256u}) {
      Bytes first(size), second(size);
      bench.begin_read(1000 + at, first);
      EXPECT_EQ(bench.end_read(), DFU_OK);
      bench.begin_read(1000 + at, second);
      EXPECT_EQ(bench.read(1300, 9), bench.peek(1300, 9));
      EXPECT_EQ(first, bench.peek(1000 + at, size));
      EXPECT_EQ(second, first);
    }
  }
  EXPECT_EQ(bench.complaints(), "");
}

// A page of ones takes as long as any other, and changes nothing.
TEST_P(NorWays, ReadsAsTheApplicationWill) {
  BenchOptions options = GetParam().options;
  EXPECT_EQ(options.boot_hz, 0u);
  Bench without(options);
  ASSERT_EQ(without.start(), DFU_OK);
  EXPECT_EQ(without.nor.memory.as_booted, nullptr);
  options.boot_hz = 30'000'000;
  Bench bench(options);
  ASSERT_EQ(bench.start(), DFU_OK);
  const memory* const booted = bench.nor.memory.as_booted;
  ASSERT_NE(booted, nullptr);
  const Bytes bytes = noise(5000);
  bench.chip.poke(4321, bytes);
  // By commands the lines are too slow, and the other way round.
  bench.chip.garble_reads_above(40'000'000);
  Bytes found(bytes.size());
  EXPECT_EQ(booted->read(booted->self, kBase + 4321, found.data(), 4096), DFU_OK);
  booted->begin_read(booted->self, kBase + 4321 + 4096, found.data() + 4096, 5000 - 4096);
  EXPECT_EQ(booted->end_read(booted->self), DFU_OK);
  EXPECT_EQ(found, bytes);
  EXPECT_EQ(bench.reads_mapped, 2u);
  EXPECT_NE(bench.read(4321, 4096), Bytes(bytes.begin(), bytes.begin() + 4096));
  bench.controller_broken = true;
  EXPECT_EQ(booted->read(booted->self, kBase, found.data(), 16), DFU_ERR_VENDOR);
  bench.controller_broken = false;
  EXPECT_EQ(booted->read(booted->self, kBase + 4321, found.data(), 4096), DFU_OK)
      << "it is found again";
  EXPECT_TRUE(std::equal(found.begin(), found.begin() + 4096, bytes.begin()));
  EXPECT_EQ(bench.complaints(), "");
}

TEST_P(NorWays, LeavesOutWhatIsBlank) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  const std::uint32_t page = std::min<std::uint32_t>(bench.part.page_size, SFDP_SIZE_MAX);
  Bytes bytes(16 * page, 0xff);
  bytes[3 * page + 1] = 0x12;
  bytes[9 * page] = 0x34;
  const std::uint64_t before = bench.chip.operations();
  ASSERT_EQ(bench.write(page / 2, bytes), DFU_OK);
  EXPECT_EQ(bench.chip.operations() - before, 2);
  EXPECT_EQ(bench.peek(page / 2, 16 * page), bytes);
  EXPECT_EQ(bench.complaints(), "");
}

// Firmware that starts does not know what the last one left behind.
TEST_P(NorWays, FindsTheChipInWhateverStateItWasLeft) {
  const BenchOptions& options = GetParam().options;
  const Part& part = *find_part(options.part);
  for (const auto power_up :
       {NorChip::Mode::kSpi, NorChip::Mode::kOctalStr, NorChip::Mode::kOctalDtr}) {
    const bool octal = part.bus == Part::Bus::kOctal && options.lanes == 8;
    if (power_up != NorChip::Mode::kSpi && !octal) continue;
    Bench bench(options);
    bench.chip.power_off(bench.now);
    bench.chip.power_up_in(power_up);
    bench.chip.power_on(bench.now);
    ASSERT_EQ(bench.start(), DFU_OK) << static_cast<int>(power_up);
    EXPECT_EQ(bench.nor.mode, GetParam().expected);
    ASSERT_EQ(bench.start(), DFU_OK) << "in the mode that the driver itself entered";
    bench.nor.memory.erase(bench.nor.memory.self, kBase, bench.nor.memory.geometry.erase_size);
    ASSERT_EQ(bench.start(), DFU_OK) << "while it erases";
    EXPECT_EQ(bench.erase(0), DFU_OK);
    EXPECT_EQ(bench.write(0, noise(300)), DFU_OK);
    EXPECT_EQ(bench.read(0, 300), noise(300));
    EXPECT_EQ(bench.complaints(), "");
  }
}

TEST_P(NorWays, WakesItFromDeepPowerDown) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  // By hand, in the mode that the driver had entered.
  xspi_command down{};
  const bool octal = bench.nor.mode >= NOR_OCTAL_STR;
  down.instruction_phase = {octal ? std::uint8_t{8} : std::uint8_t{1},
                            bench.nor.mode == NOR_OCTAL_DTR};
  down.instruction = octal ? 0xb946 : 0xb9;
  down.instruction_size = octal ? 2 : 1;
  bench.now += bench.chip.run(down, bench.now, 20'000'000);
  const Time before = bench.now;
  ASSERT_EQ(bench.start(), DFU_OK);
  EXPECT_LT(bench.now - before, 500ms);
  EXPECT_EQ(bench.nor.mode, GetParam().expected);
  EXPECT_EQ(bench.write(0, {1, 2, 3}), DFU_OK);
  EXPECT_EQ(bench.complaints(), "");
}

TEST_P(NorWays, BlankSfdpFallsBackToTheIdTable) {
  Bench bench(GetParam().options);
  bench.chip.blank_sfdp();
  ASSERT_EQ(bench.start(), DFU_OK);
  EXPECT_FALSE(bench.nor.from_sfdp);
  EXPECT_EQ(bench.nor.mode, GetParam().expected);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_EQ(bench.write(0, noise(512)), DFU_OK);
  EXPECT_EQ(bench.read(0, 512), noise(512));
  EXPECT_EQ(bench.complaints(), "");
}

TEST_P(NorWays, ReleaseLeavesItAsPowerOnDoes) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  nor_release(&bench.nor);
  bench.now += 1ms;
  Bytes id;
  for (const std::uint8_t byte : bench.part.jedec_id) id.insert(id.end(), bench.part.dies, byte);
  EXPECT_EQ(bench.read_register(0x9f, 3), id);
  EXPECT_EQ(bench.write(0, {1}), DFU_OK) << "and the driver finds it again if it must";
}

// Every bank while every other one is erased or written, as the geometry promises.
TEST_P(NorWays, ReadsOneBankWhileItWorksOnAnother) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  memory& memory = bench.nor.memory;
  const std::uint32_t bank = memory.geometry.bank_size;
  ASSERT_EQ(bank, bench.part.size / bench.part.banks);
  const Bytes bytes = noise(1000);
  for (std::uint32_t i = 0; i < bench.part.banks; ++i) bench.chip.poke(i * bank, bytes);
  const auto check = [&](std::uint32_t worked_on) {
    for (std::uint32_t i = 0; i < bench.part.banks; ++i) {
      Bytes read(1000);
      const dfu_status status = memory.read(&bench.nor, kBase + i * bank, read.data(), 1000);
      EXPECT_EQ(status, i == worked_on ? DFU_ERR_ADDRESS : DFU_OK);
      if (i != worked_on) EXPECT_EQ(read, bytes);
      EXPECT_EQ(memory.poll(&bench.nor).state, MEMORY_BUSY) << "the read did not disturb it";
    }
  };
  for (std::uint32_t i = 0; i < bench.part.banks; ++i) {
    const std::uint32_t at = (i + 1) * bank - bench.block();
    memory.erase(&bench.nor, kBase + at, bench.block());
    check(i);
    EXPECT_EQ(bench.finish(), DFU_OK);
    memory.write(&bench.nor, kBase + at, bytes.data(), 1000);
    check(i);
    EXPECT_EQ(bench.finish(), DFU_OK);
    EXPECT_EQ(bench.read(at, 1000), bytes);
  }
  EXPECT_EQ(bench.complaints(), "");
}

TEST_P(NorWays, ReadsNothingThatIsWorkedOn) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  memory& memory = bench.nor.memory;
  const std::uint32_t bank = memory.geometry.bank_size;
  Bytes read(16);
  const auto status_at = [&](std::uint32_t at) {
    return memory.read(&bench.nor, kBase + at, read.data(), 16);
  };
  memory.erase_all(&bench.nor);
  EXPECT_EQ(status_at(0), DFU_ERR_ADDRESS);
  EXPECT_EQ(status_at(bench.part.size - 16), DFU_ERR_ADDRESS);
  EXPECT_EQ(bench.finish(), DFU_OK);
  EXPECT_EQ(status_at(0), DFU_OK);
  if (bench.part.banks == 1) return;
  const Bytes bytes = noise(600);
  memory.write(&bench.nor, kBase + bank - 300, bytes.data(), 600);
  EXPECT_EQ(status_at(0), DFU_ERR_ADDRESS) << "the first of two banks";
  EXPECT_EQ(status_at(bank + 0x1000), DFU_ERR_ADDRESS) << "the second";
  EXPECT_EQ(status_at(2 * bank), DFU_OK);
  EXPECT_EQ(status_at(2 * bank - 8), DFU_ERR_ADDRESS) << "a read that begins in it";
  EXPECT_EQ(bench.finish(), DFU_OK);
  EXPECT_EQ(bench.complaints(), "");
}

}  // namespace
}  // namespace gangd::model
