// The driver on chips of one kind or another: how each is found, entered, and refused.
#include <memory>

extern "C" {
#include "target_fw/core/descriptors.h"
}
#include "tests/unit/core_nor/bench.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

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

// The core tells 32 parts of a block apart; a host plans by the smallest that there is.
TEST(Nor, BlocksThatAreTooSmallAreLeftOut) {
  Part part = *find_part("MX25R6435F");
  Bytes sfdp(part.sfdp.begin(), part.sfdp.end());
  const Bytes types = {0x0c, 0x20, 0x0f, 0x52, 0x10, 0xd8};  // dwords 8 and 9: 4, 32 and 64 KiB
  const auto at = std::ranges::search(sfdp, types);
  ASSERT_FALSE(at.empty());
  at.front() = 8;  // 256 bytes
  part.sfdp = sfdp;
  Bench bench({.part = "MX25R6435F", .lanes = 4}, part);
  ASSERT_EQ(bench.start(), DFU_OK);
  EXPECT_EQ(bench.nor.memory.geometry.erase_size, 64u << 10);
  EXPECT_EQ(bench.nor.memory.geometry.erase_min, 32u << 10);
  bench.chip.poke(0, Bytes(65536, 0));
  EXPECT_EQ(bench.erase(32768, 32768), DFU_OK);
  EXPECT_EQ(bench.erased, 32u << 10);
  EXPECT_EQ(bench.peek(32767, 2), (Bytes{0, 0xff}));
  EXPECT_EQ(bench.nor.memory.erase_ms(bench.nor.memory.self, 65536),
            bench.nor.part.erase_types[1].typical_ms);
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
