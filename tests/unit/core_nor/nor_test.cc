// The driver on chips that are well.
#include <cstdio>
#include <memory>

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
    {"OctalStr", {.mode_max = NOR_OCTAL_STR}, NOR_OCTAL_STR},
    {"OctalPartOnFourLanes", {.lanes = 4}, NOR_SPI},
    {"OctalPartInSpi", {.mode_max = NOR_SPI}, NOR_SPI},
    {"Quad", {.part = "MX25R6435F", .lanes = 4}, NOR_QUAD},
    {"QuadPartOnOneLane", {.part = "MX25R6435F", .lanes = 1}, NOR_SPI},
    {"QuadPartInSpi", {.part = "MX25R6435F", .mode_max = NOR_SPI}, NOR_SPI},
};

class NorWays : public testing::TestWithParam<Way> {};

INSTANTIATE_TEST_SUITE_P(All, NorWays, testing::ValuesIn(kWays),
                         [](const auto& way) { return std::string(way.param.name); });

TEST_P(NorWays, Identifies) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  EXPECT_EQ(bench.nor.mode, GetParam().expected);
  EXPECT_TRUE(bench.nor.from_sfdp);
  EXPECT_EQ(bench.nor.memory.geometry.address, kBase);
  EXPECT_EQ(bench.nor.memory.geometry.size, bench.part.size);
  EXPECT_EQ(bench.nor.memory.geometry.erase_size, 65536u);
  EXPECT_EQ(bench.complaints(), "");
}

TEST_P(NorWays, ErasesProgramsAndReadsBack) {
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  const std::uint32_t at = bench.part.size - 0x20000;
  bench.chip.poke(at, Bytes(0x20000, 0x00));
  EXPECT_EQ(bench.erase(at), DFU_OK);
  EXPECT_EQ(bench.peek(at, 0x10000), Bytes(0x10000, 0xff));
  EXPECT_EQ(bench.peek(at + 0x10000, 1), Bytes{0x00}) << "only the block asked for";
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
  constexpr std::uint32_t kLarge = 65536;
  const std::uint32_t small = bench.nor.memory.geometry.erase_min;
  ASSERT_EQ(small, 4096U);
  bench.chip.poke(0, Bytes(2 * kLarge, 0x00));
  EXPECT_EQ(bench.erase(small, kLarge), DFU_OK);
  EXPECT_EQ(bench.erased, small) << "no larger block begins there";
  EXPECT_EQ(bench.peek(0, small), Bytes(small, 0x00));
  EXPECT_EQ(bench.peek(small, small), Bytes(small, 0xff));
  EXPECT_EQ(bench.peek(2 * small, small), Bytes(small, 0x00));
  EXPECT_EQ(bench.erase(kLarge, 2 * small), DFU_OK);
  EXPECT_EQ(bench.erased, small) << "a larger one would not end there";
  EXPECT_EQ(bench.erase(0, 8 * kLarge), DFU_OK);
  EXPECT_EQ(bench.erased, kLarge);
  EXPECT_EQ(bench.peek(0, kLarge), Bytes(kLarge, 0xff));
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
  constexpr std::uint32_t kBlock = 65536;
  constexpr std::uint32_t kSize = 4 * kBlock;
  Bench bench(GetParam().options);
  ASSERT_EQ(bench.start(), DFU_OK);
  const std::uint32_t at = bench.part.size / 2 - kSize / 2;
  Bytes oracle(kSize, 0xff);
  sim::Prng prng(20);
  for (int i = 0; i < 200; ++i) {
    if (prng.chance(100)) {
      const auto block = static_cast<std::uint32_t>(prng.below(4)) * kBlock;
      ASSERT_EQ(bench.erase(at + block), DFU_OK);
      std::fill_n(oracle.begin() + block, kBlock, std::uint8_t{0xff});
    } else {
      const auto size = static_cast<std::uint32_t>(prng.below(4097));
      const auto offset = static_cast<std::uint32_t>(prng.below(kSize - size + 1));
      const Bytes bytes = noise(size, static_cast<std::uint32_t>(i));
      ASSERT_EQ(bench.write(at + offset, bytes), DFU_OK);
      for (std::uint32_t k = 0; k < size; ++k) oracle[offset + k] &= bytes[k];
    }
  }
  EXPECT_EQ(bench.peek(at, kSize) == oracle, true);
  EXPECT_EQ(bench.peek(at - 1, 1), Bytes{0xff});
  EXPECT_EQ(bench.peek(at + kSize, 1), Bytes{0xff});
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
  const Time cells = 256 * bench.part.times.page_program.typical;
  EXPECT_LT(bench.polls - polls_before, 256u * 5);
  const double ratio =
      static_cast<double>((bench.now - before).count()) / static_cast<double>(cells.count());
  // On one lane 256 bytes alone take 41 us at 50 MHz, beside 152 us in the cells.
  EXPECT_LT(ratio, GetParam().expected >= NOR_OCTAL_STR ? 1.12 : 1.4);
  std::printf("%s: %.3f times as long as the cells take, %.1f looks a page\n", GetParam().name,
              ratio, static_cast<double>(bench.polls - polls_before) / 256);
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
  Bytes id(3);
  xspi_command read_id{};
  read_id.instruction_phase.lanes = 1;
  read_id.instruction = 0x9f;
  read_id.instruction_size = 1;
  read_id.data_phase.lanes = 1;
  read_id.read = id.data();
  read_id.size = 3;
  bench.now += bench.chip.run(read_id, bench.now, 20'000'000);
  EXPECT_EQ(id, Bytes(bench.part.jedec_id.begin(), bench.part.jedec_id.end()));
  EXPECT_EQ(bench.write(0, {1}), DFU_OK) << "and the driver finds it again if it must";
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
  part.jedec_id = {0xef, 0x40, 0x17};
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

TEST(Nor, APartThatDoesNotShowBusyInItsStatusIsRefused) {
  Part part = *find_part("MX25R6435F");
  Bytes sfdp(part.sfdp.begin(), part.sfdp.end());
  sfdp[0x30 + 13 * 4] = static_cast<std::uint8_t>((sfdp[0x30 + 13 * 4] & ~0x0cu) | 0x08u);
  part.sfdp = sfdp;
  Bench bench({.part = "MX25R6435F"}, part);
  EXPECT_EQ(bench.start(), DFU_ERR_VENDOR);
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
