// The driver on chips that are well.
#include <cstdio>
#include <memory>

extern "C" {
#include "target_fw/core/descriptors.h"
}
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

// A quarter of the bus time of a write, on parts whose cells are fast.
TEST(Nor, ProgramsOnFourLanesWhereThePartDoes) {
  for (const char* name : {"MX25R6435F", "MT25QL512ABB", "W25Q128JV", "IS25LP064A"}) {
    Bench bench({.part = name, .lanes = 4});
    ASSERT_EQ(bench.start(), DFU_OK);
    EXPECT_EQ(bench.nor.access.data_lanes_read, 4) << name;
    EXPECT_EQ(bench.nor.access.data_lanes_write, 4) << name;
  }
}

// A bit that is set for good is not written at each start: registers wear out, too.
TEST(Nor, TheQuadEnableBitIsWrittenOnce) {
  for (const char* name : {"W25Q128JV", "IS25LP064A"}) {
    Bench bench({.part = name, .lanes = 4});
    ASSERT_EQ(bench.start(), DFU_OK);
    const std::uint64_t first = bench.register_writes;
    EXPECT_EQ(first, 1u) << name;
    ASSERT_EQ(bench.start(), DFU_OK);
    EXPECT_EQ(bench.register_writes, first) << name;
    EXPECT_EQ(bench.nor.mode, NOR_QUAD);
  }
}

// JESD216 knows of two more ways to set it.
TEST(Nor, TheQuadEnableBitOfTheSecondStatusRegister) {
  for (const unsigned kind : {5u, 6u}) {
    Part part = *find_part("W25Q128JV");
    Bytes sfdp(part.sfdp.begin(), part.sfdp.end());
    std::uint8_t& field = sfdp[0x80 + 14 * 4 + 2];
    field = static_cast<std::uint8_t>((field & 0x8fu) | kind << 4);
    part.sfdp = sfdp;
    Bench bench({.lanes = 4}, part);
    ASSERT_EQ(bench.start(), DFU_OK);
    EXPECT_EQ(bench.nor.mode, NOR_QUAD) << kind;
    EXPECT_EQ(bench.write(1, noise(600)), DFU_OK);
    EXPECT_EQ(bench.read(1, 600), noise(600));
    EXPECT_EQ(bench.complaints(), "");
  }
}

// In low-power mode a page takes 3.2 ms, and the bus may not run as fast.
TEST(Nor, AnMx25rIsTakenToItsHighPerformance) {
  Bench bench({.part = "MX25R6435F", .lanes = 4});
  ASSERT_EQ(bench.start(), DFU_OK);
  const Time before = bench.now;
  ASSERT_EQ(bench.write(0, Bytes(4096, 0)), DFU_OK);
  EXPECT_LT(bench.now - before, 16 * bench.part.low_power_times.page_program.typical / 3);
  EXPECT_EQ(bench.complaints(), "");
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

// Every size doubles, and a DFU host reads the layout.
TEST(Nor, TwoDiesAreOneMemoryOfDoubleBlocks) {
  Bench bench({.part = "MT25TL01G"});
  ASSERT_EQ(bench.start(), DFU_OK);
  const memory_geometry& geometry = bench.nor.memory.geometry;
  EXPECT_EQ(geometry.size, 128u << 20);
  EXPECT_EQ(geometry.erase_size, 128u << 10);
  EXPECT_EQ(geometry.erase_min, 8u << 10);
  EXPECT_EQ(bench.nor.part.page_size, 512u);
  char layout[USB_STRING_CHARACTERS_MAX + 1];
  descriptors_layout(&bench.nor.memory, layout);
  EXPECT_STREQ(layout, "@NOR /0x90000000/999*128Kg,25*128Kg");
}

// Bytes alternate between the dies; one wire crossed, and both hold nonsense.
TEST(Nor, OfTwoDiesEachHoldsEverySecondByte) {
  Bench bench({.part = "MT25TL01G"});
  ASSERT_EQ(bench.start(), DFU_OK);
  ASSERT_EQ(bench.write(0x4000001, {1, 2, 3, 4}), DFU_OK);
  EXPECT_EQ(bench.peek(0x4000000, 6), (Bytes{0xff, 1, 2, 3, 4, 0xff}));
  EXPECT_EQ(bench.read(0x4000001, 4), (Bytes{1, 2, 3, 4}));
  EXPECT_EQ(bench.complaints(), "");
}

// Half a page each, at the same time.
TEST(Nor, TwoDiesProgramTwiceAsFast) {
  const auto time_of = [](const char* name) {
    Bench bench({.part = name});
    EXPECT_EQ(bench.start(), DFU_OK);
    const Time before = bench.now;
    EXPECT_EQ(bench.write(0, Bytes(65536, 0)), DFU_OK);
    return static_cast<double>((bench.now - before).count());
  };
  EXPECT_NEAR(time_of("MT25QL512ABB") / time_of("MT25TL01G"), 2, 0.1);
}

// A pair of which one is dead, or another part, is none.
TEST(Nor, TwoDiesThatDifferAreRefused) {
  Bench bench({.part = "MT25TL01G"});
  bench.second_die_deaf = true;
  EXPECT_EQ(bench.start(), DFU_ERR_VENDOR);
  bench.second_die_deaf = false;
  EXPECT_EQ(bench.start(), DFU_OK);
  bench.second_die_deaf = true;
  EXPECT_EQ(bench.write(0, {1, 2}), DFU_ERR_VENDOR);
}

TEST(Nor, NothingConnectedIsAnErrorInBoundedTime) {
  Bench bench({});
  bench.chip.power_off(bench.now);
  const Time before = bench.now;
  EXPECT_EQ(bench.start(), DFU_ERR_VENDOR);
  EXPECT_LT(bench.now - before, 500ms);
  bench.chip.power_on(bench.now);
  EXPECT_EQ(bench.start(), DFU_OK) << "it may be repeated";
}

TEST(Nor, FindsAChipThatAProgramRanFrom) {
  Bench bench({.part = "MX25R6435F", .lanes = 4});
  bench.chip.poke(0, noise(bench.part.size));
  bench.now += 1ms;
  bench.chip.leave_in_continuous_read();
  ASSERT_EQ(bench.start(), DFU_OK);
  EXPECT_EQ(bench.nor.mode, NOR_QUAD);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_EQ(bench.write(0, noise(256, 3)), DFU_OK);
  EXPECT_EQ(bench.read(0, 256), noise(256, 3));
  EXPECT_EQ(bench.complaints(), "");
}

TEST(Nor, AnUnknownPartWithoutSfdpIsRefused) {
  Part unknown = *find_part("MX25R6435F");
  unknown.jedec_id = {0xef, 0x40, 0x17};
  Bench bench({.part = "MX25R6435F"}, unknown);
  bench.chip.blank_sfdp();
  EXPECT_EQ(bench.start(), DFU_ERR_VENDOR);
  EXPECT_EQ(bench.complaints(), "");
}

// What JESD216 alone gives: quad reads, one lane to program. Failures show when read back.
TEST(Nor, AnUnknownMakerIsProgrammedBySfdpAlone) {
  Part part = *find_part("MX25R6435F");
  part.jedec_id = {0xc8, 0x40, 0x17};
  part.has_low_power = false;
  Bench bench({.lanes = 4}, part);
  ASSERT_EQ(bench.start(), DFU_OK);
  EXPECT_EQ(bench.nor.family, NOR_FAMILY_PLAIN);
  EXPECT_EQ(bench.nor.mode, NOR_QUAD);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_EQ(bench.write(1, noise(600)), DFU_OK);
  EXPECT_EQ(bench.read(1, 600), noise(600));
  bench.chip.fail_operation(0);
  EXPECT_EQ(bench.write(4096, {0}), DFU_OK);
  EXPECT_EQ(bench.read(4096, 1), Bytes{0xff});
  EXPECT_EQ(bench.complaints(), "");
}

TEST(Nor, FallsBackToSpiWhereOctalReadsAreGarbled) {
  for (const nor_mode mode : {NOR_OCTAL_STR, NOR_OCTAL_DTR}) {
    Bench bench({.mode_max = mode});
    bench.octal_reads_garbled = true;
    ASSERT_EQ(bench.start(), DFU_OK);
    EXPECT_EQ(bench.nor.mode, NOR_SPI);
    EXPECT_EQ(bench.erase(0), DFU_OK);
    EXPECT_EQ(bench.write(3, noise(700)), DFU_OK);
    EXPECT_EQ(bench.read(3, 700), noise(700));
    EXPECT_EQ(bench.complaints(), "");
  }
}

// Its SFDP says the flag status register, which it does not have: lines that nobody drives read as
// "ready", which must not pass for it.
TEST(Nor, APartThatDoesNotShowBusyWhereItSaysIsNotBelieved) {
  Part part = *find_part("W25Q128JV");
  Bytes sfdp(part.sfdp.begin(), part.sfdp.end());
  std::uint8_t& field = sfdp[0x80 + 13 * 4];
  field = static_cast<std::uint8_t>((field & ~0x0cu) | 0x08u);
  part.sfdp = sfdp;
  Bench bench({.lanes = 1}, part);
  ASSERT_EQ(bench.start(), DFU_OK);
  EXPECT_EQ(bench.write(0, {1}), DFU_ERR_VENDOR);
}

// Octal tables that say other than we do keep the part in SPI mode, where it works.
TEST(Nor, AnOctalPartThatIsEnteredOtherwiseStaysInSpi) {
  Part part = *find_part("MX66UW1G45G");
  Bytes sfdp(part.sfdp.begin(), part.sfdp.end());
  sfdp[0x11d] = 0x03;  // table FF0A, dword 8: the value that enters 8D-8D-8D
  part.sfdp = sfdp;
  Bench bench({}, part);
  ASSERT_EQ(bench.start(), DFU_OK);
  EXPECT_EQ(bench.nor.mode, NOR_SPI);
  EXPECT_EQ(bench.write(0x7fff000, noise(256)), DFU_OK);
  EXPECT_EQ(bench.peek(0x7fff000, 256), noise(256));
  EXPECT_EQ(bench.complaints(), "");
}

// A large part whose SFDP has no table of 4-byte instructions is told to take four bytes.
TEST(Nor, FourByteModeWhereThereAreNoFourByteOpcodes) {
  Part part = *find_part("MX66UW1G45G");
  Bytes sfdp(part.sfdp.begin(), part.sfdp.begin() + 0x90);
  sfdp[6] = 0;             // the basic table alone
  sfdp[0x40 + 63] = 0x01;  // dword 16: by B7h, without write enable
  part.sfdp = sfdp;
  Bench bench({}, part);
  ASSERT_EQ(bench.start(), DFU_OK);
  EXPECT_EQ(bench.nor.mode, NOR_SPI);
  EXPECT_EQ(bench.write(0x5000000, {1, 2, 3}), DFU_OK);
  EXPECT_EQ(bench.peek(0x5000000, 3), (Bytes{1, 2, 3}));
  EXPECT_EQ(bench.read(0x5000000, 3), (Bytes{1, 2, 3}));
  EXPECT_EQ(bench.erase(0x5000000), DFU_OK);
  EXPECT_EQ(bench.peek(0x5000000, 3), Bytes(3, 0xff));
  EXPECT_EQ(bench.complaints(), "");
}

// Statics would show: boards on one bench, their operations interleaved.
TEST(Nor, SixtyFourInOneProcess) {
  std::vector<std::unique_ptr<Bench>> benches;
  for (std::uint64_t i = 0; i < 64; ++i) {
    benches.push_back(std::make_unique<Bench>(
        i % 2 == 0 ? BenchOptions{.seed = i} : BenchOptions{.part = "MX25R6435F", .seed = i}));
    ASSERT_EQ(benches.back()->start(), DFU_OK);
  }
  std::vector<Bytes> bytes;
  for (std::uint32_t i = 0; i < 64; ++i) bytes.push_back(noise(4096, i));
  for (std::uint32_t i = 0; i < 64; ++i) {
    memory& memory = benches[i]->nor.memory;
    memory.write(memory.self, kBase + 4096 * i, bytes[i].data(), 4096);
  }
  for (std::uint32_t i = 0; i < 64; ++i) {
    EXPECT_EQ(benches[i]->finish(), DFU_OK);
    EXPECT_EQ(benches[i]->peek(4096 * i, 4096), bytes[i]);
    EXPECT_EQ(benches[i]->complaints(), "");
  }
}

}  // namespace
}  // namespace gangd::model
