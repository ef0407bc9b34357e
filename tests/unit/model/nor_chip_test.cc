#include "tests/model/nor_chip.h"

#include "tests/unit/model/pins.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t kWip = 1;
constexpr std::uint8_t kWel = 2;

TEST(NorChip, AnswersItsIdInEachMode) {
  Pins pins("MX66UW1G45G");
  const Bytes id = {0xc2, 0x81, 0x3b};
  EXPECT_EQ(pins.read_register(0x9f, 3), id);
  pins.enter(Mode::kOctalStr);
  EXPECT_EQ(pins.read_register(0x9f, 3), id);
  pins.enter(Mode::kOctalDtr);
  EXPECT_EQ(pins.receive(pins.command(0x9f, 4, 0, 4), 6),
            (Bytes{0xc2, 0xc2, 0x81, 0x81, 0x3b, 0x3b}));
  EXPECT_EQ(pins.complaints(), "");
}

TEST(NorChip, IsDeafToTheWrongLanes) {
  Pins pins("MX66UW1G45G");
  pins.enter(Mode::kOctalDtr);
  for (const Mode wrong : {Mode::kSpi, Mode::kOctalStr}) {
    pins.mode = wrong;
    EXPECT_EQ(pins.status(), 0xff);
    EXPECT_NE(pins.complaints(), "");
    EXPECT_EQ(pins.read_register(0x9f, 3), Bytes(3, 0xff));
    EXPECT_EQ(pins.complaints(), "") << "who asks for the id may not know the mode";
  }
}

TEST(NorChip, WantsTheComplementOfTheOpcode) {
  Pins pins("MX66UW1G45G");
  pins.enter(Mode::kOctalStr);
  xspi_command enable = pins.command(0x06);
  enable.instruction = 0x0606;
  pins.send(enable);
  EXPECT_NE(pins.complaints(), "");
  EXPECT_EQ(pins.status() & kWel, 0);
}

TEST(NorChip, ReadsItsSfdp) {
  Pins pins("MX25R6435F");
  EXPECT_EQ(pins.receive(pins.command(0x5a, 3, 0, 8), 4), (Bytes{'S', 'F', 'D', 'P'}));
  EXPECT_EQ(pins.receive(pins.command(0x5a, 3, 0x30, 8), 4), (Bytes{0xe5, 0x20, 0xf1, 0xff}));
  EXPECT_EQ(pins.receive(pins.command(0x5a, 3, 0x200, 8), 2), (Bytes{0xff, 0xff}));
  pins.chip.blank_sfdp();
  EXPECT_EQ(pins.receive(pins.command(0x5a, 3, 0, 8), 4), Bytes(4, 0xff));
  Pins octal("MX66UW1G45G");
  octal.enter(Mode::kOctalStr);
  EXPECT_EQ(octal.receive(octal.command(0x5a, 4, 0, 20), 4), (Bytes{'S', 'F', 'D', 'P'}));
}

TEST(NorChip, ProgramsAndErasesInEachMode) {
  for (const Mode mode : {Mode::kSpi, Mode::kOctalStr, Mode::kOctalDtr}) {
    Pins pins("MX66UW1G45G");
    if (mode != Mode::kSpi) pins.enter(mode);
    pins.program(0x10100, {1, 2, 3, 4});
    pins.finish();
    EXPECT_EQ(pins.read(0x10100, 4), (Bytes{1, 2, 3, 4}));
    pins.erase_4k(0x10100);
    pins.finish();
    EXPECT_EQ(pins.read(0x10100, 4), Bytes(4, 0xff));
    EXPECT_EQ(pins.chip.operations(), 2u);
    EXPECT_EQ(pins.complaints(), "");
  }
}

// BFPT dword 18 bit 31: a driver that ignores it writes every second byte to its neighbour.
TEST(NorChip, OctalDtrSwapsTheBytesOfAWord) {
  Pins pins("MX66UW1G45G");
  pins.program(0, {1, 2, 3, 4});
  pins.finish();
  pins.enter(Mode::kOctalDtr);
  EXPECT_EQ(pins.read(0, 4), (Bytes{2, 1, 4, 3}));
}

TEST(NorChip, OctalDtrWantsEvenAddressesAndLengths) {
  Pins pins("MX66UW1G45G");
  pins.enter(Mode::kOctalDtr);
  pins.read(1, 2);
  EXPECT_NE(pins.complaints(), "");
  pins.read(0, 3);
  EXPECT_NE(pins.complaints(), "");
  pins.program(0, {1, 2, 3});
  EXPECT_NE(pins.complaints(), "");
  EXPECT_EQ(pins.chip.operations(), 0u);
}

TEST(NorChip, APageWraps) {
  Pins pins("MX25R6435F");
  Bytes bytes(256, 0x55);
  bytes.push_back(0x11);  // comes to lie on the first one, in place of it
  pins.program(0x100, bytes);
  pins.finish();
  EXPECT_EQ(pins.peek(0x100, 2), (Bytes{0x11, 0x55}));
  EXPECT_EQ(pins.peek(0x200, 1), Bytes{0xff});
  EXPECT_NE(pins.complaints(), "");
}

TEST(NorChip, BehindTheLastByteComesTheFirst) {
  Pins pins("MX25R6435F");
  pins.chip.poke(0, Bytes{0x12});
  EXPECT_EQ(pins.read(pins.part.size - 1, 2), (Bytes{0xff, 0x12}));
  EXPECT_EQ(pins.complaints(), "");
  EXPECT_EQ(pins.read(pins.part.size, 1), Bytes{0x12});
  EXPECT_NE(pins.complaints(), "");
}

TEST(NorChip, WritesNothingWithoutWriteEnable) {
  Pins pins("MX25R6435F");
  pins.transmit(pins.command(0x02, 3, 0), {0});
  EXPECT_EQ(pins.status(), 0);
  EXPECT_EQ(pins.peek(0, 1), Bytes{0xff});
  EXPECT_NE(pins.complaints(), "");
}

TEST(NorChip, WriteEnableIsSpentByEachOperation) {
  Pins pins("MX25R6435F");
  pins.send(0x06);
  EXPECT_EQ(pins.status(), kWel);
  pins.send(0x04);
  EXPECT_EQ(pins.status(), 0);
  pins.program(0, {0});
  EXPECT_EQ(pins.status(), kWel | kWip);
  pins.finish();
  EXPECT_EQ(pins.status(), 0);
}

TEST(NorChip, IsBusyForAsLongAsItsDataSheetSays) {
  Pins pins("MX66UW1G45G");
  const auto busy = [&] { return pins.chip.busy_until() - pins.now; };
  pins.program(0, {0});
  EXPECT_EQ(busy(), 152us);
  pins.finish();
  pins.erase_64k(0);
  EXPECT_EQ(busy(), 256ms);
  pins.finish();
  pins.chip.be_slow(true);
  pins.erase_4k(0);
  EXPECT_EQ(busy(), 600ms);
  pins.now += 599ms;
  EXPECT_EQ(pins.status() & kWip, kWip);
  pins.now += 1ms;
  EXPECT_EQ(pins.status() & kWip, 0);
}

TEST(NorChip, HearsOnlyStatusReadsWhileBusy) {
  Pins pins("MX25R6435F");
  pins.erase_4k(0);
  EXPECT_EQ(pins.read(0, 1), Bytes{0xff});
  EXPECT_NE(pins.complaints(), "");
  pins.send(0x06);
  EXPECT_NE(pins.complaints(), "");
  EXPECT_EQ(pins.status() & kWip, kWip);
  EXPECT_EQ(pins.complaints(), "");
}

TEST(NorChip, ReadsOtherBanksWhileItWrites) {
  Pins pins("MX66UW1G45G");
  pins.enter(Mode::kOctalStr);
  pins.program(0x6000000, {0x12});
  pins.finish();
  pins.erase_64k(0);
  EXPECT_EQ(pins.read(0x6000000, 1), Bytes{0x12});
  EXPECT_EQ(pins.complaints(), "");
  pins.read(0x10000, 1);
  EXPECT_NE(pins.complaints(), "");
}

TEST(NorChip, OneBankIsNoneOther) {
  Pins pins("MX25LM51245G");
  pins.enter(Mode::kOctalStr);
  pins.erase_64k(0);
  pins.read(0x3000000, 1);
  EXPECT_NE(pins.complaints(), "") << "LM does not read while it writes";
  EXPECT_EQ(pins.receive(pins.command(0x5a, 4, 0, 20), 4), Bytes(4, 0xff)) << "nor has it SFDP";
}

TEST(NorChip, SuspendLetsReadsInBetween) {
  Pins pins("MX25R6435F");
  pins.program(0x20000, {0x34});
  pins.finish();
  pins.erase_64k(0);
  const Time left = pins.chip.busy_until() - pins.now;
  pins.send(0xb0);
  pins.now += pins.part.suspend;
  EXPECT_EQ(pins.read(0x20000, 1), Bytes{0x34});
  EXPECT_EQ(pins.security() & 0x08, 0x08);
  pins.send(0x30);
  EXPECT_GT(pins.chip.busy_until() - pins.now, left - 1ms);
  pins.finish();
  EXPECT_EQ(pins.status(), 0);
  EXPECT_EQ(pins.complaints(), "");
}

TEST(NorChip, DummyCyclesFollowTheirRegister) {
  Pins pins("MX66UW1G45G");
  pins.send(0x06);
  pins.transmit(pins.command(0x72, 4, 0x300), {5});
  pins.enter(Mode::kOctalStr);
  pins.receive(pins.command(0xec, 4, 0, 20), 1);
  EXPECT_NE(pins.complaints(), "");
  pins.receive(pins.command(0xec, 4, 0, 10), 1);
  EXPECT_EQ(pins.complaints(), "");
  EXPECT_EQ(pins.receive(pins.command(0x71, 4, 0x300, 4), 1), Bytes{5});
}

TEST(NorChip, NonVolatileSettingsAreNotForDrivers) {
  Pins pins("MX66UW1G45G");
  pins.send(0x06);
  pins.transmit(pins.command(0x72, 4, 0x40000000), {1});
  EXPECT_NE(pins.complaints(), "");
}

TEST(NorChip, ResetNeedsItsEnableAndEndsEveryMode) {
  Pins pins("MX66UW1G45G");
  pins.enter(Mode::kOctalDtr);
  pins.send(0x99);
  EXPECT_NE(pins.complaints(), "");
  pins.send(0x66);
  pins.send(0x99);
  pins.mode = Mode::kSpi;
  EXPECT_EQ(pins.read_register(0x9f, 3), Bytes(3, 0xff)) << "not ready yet";
  pins.now += pins.part.reset;
  EXPECT_EQ(pins.read_register(0x9f, 3), (Bytes{0xc2, 0x81, 0x3b}));
  EXPECT_EQ(pins.complaints(), "");
}

TEST(NorChip, FourByteAddressesAreAMode) {
  Pins pins("MX66UW1G45G");
  pins.chip.poke(0x1000000, Bytes{0x77});
  pins.send(0xb7);
  EXPECT_EQ(pins.receive(pins.command(0x0b, 4, 0x1000000, 8), 1), Bytes{0x77});
  EXPECT_EQ(pins.complaints(), "");
  pins.receive(pins.command(0x0b, 3, 0, 8), 1);
  EXPECT_NE(pins.complaints(), "");
  pins.send(0xe9);
  EXPECT_EQ(pins.receive(pins.command(0x0c, 4, 0x1000000, 8), 1), Bytes{0x77})
      << "this opcode always has four";
  EXPECT_EQ(pins.complaints(), "");
}

TEST(NorChip, QuadNeedsItsBit) {
  Pins pins("MX25R6435F");
  pins.hz = 8'000'000;
  pins.receive(pins.command(0x6b, 3, 0, 8), 1, 4);
  EXPECT_NE(pins.complaints(), "");
  pins.send(0x06);
  pins.transmit(pins.command(0x01), {0x40});
  pins.finish();
  EXPECT_EQ(pins.status(), 0x40);
  pins.chip.poke(5, Bytes{0xab});
  EXPECT_EQ(pins.receive(pins.command(0x6b, 3, 5, 8), 1, 4), Bytes{0xab});
  xspi_command read = pins.command(0xeb, 3, 5, 6);
  read.address_phase.lanes = 4;
  EXPECT_EQ(pins.receive(read, 1, 4), Bytes{0xab});
  pins.send(0x06);
  xspi_command program = pins.command(0x38, 3, 6);
  program.address_phase.lanes = 4;
  pins.transmit(program, {0xcd}, 4);
  pins.finish();
  EXPECT_EQ(pins.peek(5, 2), (Bytes{0xab, 0xcd}));
  EXPECT_EQ(pins.complaints(), "");
}

// A driver that takes the wrong one of these for the failed operation would go on.
TEST(NorChip, MicronSaysInItsFlagStatusHowItStands) {
  Pins pins("MT25QL512ABB");
  const auto flags = [&] { return pins.read_register(0x70)[0]; };
  EXPECT_EQ(flags(), 0x80);
  pins.send(0xb7);
  EXPECT_EQ(flags(), 0x81) << "four address bytes";
  pins.send(0xe9);
  pins.erase_4k(0);
  EXPECT_EQ(flags(), 0x00) << "busy";
  pins.finish();
  EXPECT_EQ(flags(), 0x80);
  pins.chip.fail_operation(0);
  pins.program(0, {0});
  pins.finish();
  EXPECT_EQ(flags(), 0x90);
  EXPECT_EQ(pins.status(), kWel) << "and stays write-enabled";
  pins.erase_4k(0);
  pins.finish();
  EXPECT_EQ(flags(), 0x90) << "a good one does not clear it";
  pins.send(0x50);
  EXPECT_EQ(flags(), 0x80);
  pins.chip.lock_block(0);
  pins.erase_4k(0);
  EXPECT_EQ(flags(), 0xa2);
  EXPECT_EQ(pins.complaints(), "");
  pins.send(0xb0);
  EXPECT_NE(pins.complaints(), "") << "suspend is 75h here";
}

TEST(NorChip, MicronReadsAndProgramsOnFourLanesWithFourAddressBytes) {
  Pins pins("MT25QL512ABB");
  pins.send(0x06);
  pins.transmit(pins.command(0x34, 4, 0x3000000), {1, 2, 3}, 4);
  pins.finish();
  EXPECT_EQ(pins.receive(pins.command(0x6c, 4, 0x3000000, 8), 3, 4), (Bytes{1, 2, 3}));
  xspi_command read = pins.command(0xec, 4, 0x3000001, 10);
  read.address_phase.lanes = 4;
  EXPECT_EQ(pins.receive(read, 1, 4), Bytes{2});
  EXPECT_EQ(pins.complaints(), "");
}

TEST(NorChip, TwoDiesAnswerInTurn) {
  Pins pins("MT25TL01G");
  EXPECT_EQ(pins.read_register(0x9f, 6), (Bytes{0x20, 0x20, 0xba, 0xba, 0x20, 0x20}));
  pins.chip.poke(0x101, Bytes{1, 2, 3});
  EXPECT_EQ(pins.peek(0x100, 5), (Bytes{0xff, 1, 2, 3, 0xff}));
  EXPECT_EQ(pins.receive(pins.command(0x0c, 4, 0x100, 8), 4), (Bytes{0xff, 1, 2, 3}));
  pins.chip.fail_operation(0);
  pins.send(0x06);
  pins.transmit(pins.command(0x12, 4, 0x200), {4, 5, 6, 7});
  pins.now = pins.chip.busy_until();
  EXPECT_EQ(pins.read_register(0x70, 2), (Bytes{0x80, 0x90})) << "the second has failed";
  EXPECT_EQ(pins.peek(0x200, 4), (Bytes{4, 0xff, 6, 0xff}));
  EXPECT_EQ(pins.complaints(), "");
  pins.receive(pins.command(0x0c, 4, 0x101, 8), 2);
  EXPECT_NE(pins.complaints(), "") << "an odd address";
  pins.read_register(0x05, 1);
  EXPECT_NE(pins.complaints(), "") << "a byte of one alone";
}

TEST(NorChip, TwoDiesEraseAndAreCutTogether) {
  Pins pins("MT25TL01G");
  pins.chip.poke(0x20000 - 2, Bytes(4, 0x00));
  pins.send(0x06);
  pins.send(pins.command(0xdc, 4, 0));
  pins.now = pins.chip.busy_until();
  EXPECT_EQ(pins.read_register(0x70, 2), (Bytes{0x80, 0x80}));
  EXPECT_EQ(pins.peek(0x20000 - 2, 4), (Bytes{0xff, 0xff, 0x00, 0x00})) << "128 KiB";
  pins.chip.cut_power_at_operation(0);
  pins.send(0x06);
  pins.send(pins.command(0xdc, 4, 0x20000));
  EXPECT_TRUE(pins.chip.cut());
  EXPECT_FALSE(pins.chip.powered());
  EXPECT_EQ(pins.complaints(), "");
}

TEST(NorChip, WinbondHasItsQuadBitInTheSecondStatusRegister) {
  Pins pins("W25Q128JV");
  pins.send(0x06);
  pins.transmit(pins.command(0x01), {0x40, 0x02});
  pins.finish();
  EXPECT_EQ(pins.status(), 0) << "bit 6 is another matter here";
  EXPECT_EQ(pins.read_register(0x35), Bytes{0x02});
  pins.send(0x06);
  pins.transmit(pins.command(0x32, 3, 5), {0xab}, 4);
  pins.finish();
  EXPECT_EQ(pins.receive(pins.command(0x6b, 3, 5, 8), 1, 4), Bytes{0xab});
  EXPECT_EQ(pins.complaints(), "");
  pins.send(0x06);
  pins.transmit(pins.command(0x31), {0});
  pins.finish();
  pins.receive(pins.command(0x6b, 3, 5, 8), 1, 4);
  EXPECT_NE(pins.complaints(), "");
}

TEST(NorChip, IssiSaysNothingOfAFailure) {
  Pins pins("IS25LP064A");
  pins.chip.fail_operation(0);
  pins.program(0, {0});
  pins.finish();
  EXPECT_EQ(pins.peek(0, 1), Bytes{0xff});
  EXPECT_EQ(pins.complaints(), "");
  pins.security();
  EXPECT_NE(pins.complaints(), "") << "2Bh is Macronix's";
}

TEST(NorChip, LowPowerModeIsSlowerInEverything) {
  Pins pins("MX25R6435F");
  pins.program(0, {0});
  EXPECT_EQ(pins.chip.busy_until() - pins.now, 3200us);
  pins.finish();
  pins.hz = 50'000'000;
  pins.read(0, 1);
  EXPECT_NE(pins.complaints(), "");
  pins.hz = 20'000'000;
  pins.send(0x06);
  pins.transmit(pins.command(0x01), {0, 0, 2});
  pins.finish();
  EXPECT_EQ(pins.read_register(0x15, 2), (Bytes{0, 2}));
  pins.hz = 50'000'000;
  pins.program(1, {0});
  EXPECT_EQ(pins.chip.busy_until() - pins.now, 896us);
  EXPECT_EQ(pins.complaints(), "");
}

TEST(NorChip, ProtectionRefusesAndSaysSo) {
  Pins pins("MX25R6435F");
  pins.chip.protect(true);
  pins.program(0, {0});
  EXPECT_EQ(pins.security(), 0x20);
  pins.erase_4k(0);
  EXPECT_EQ(pins.security(), 0x60);
  EXPECT_EQ(pins.chip.operations(), 0u);
  EXPECT_EQ(pins.peek(0, 1), Bytes{0xff});
  EXPECT_NE(pins.complaints(), "");
  pins.power_cycle();
  EXPECT_EQ(pins.status(), 0x3c) << "the bits are non-volatile";
}

TEST(NorChip, DeepPowerDownHearsOnlyRelease) {
  Pins pins("MX66UW1G45G");
  pins.send(0xb9);
  EXPECT_EQ(pins.status(), 0xff);
  pins.send(0x06);
  EXPECT_NE(pins.complaints(), "");
  pins.send(0xab);
  EXPECT_EQ(pins.status(), 0xff) << "it takes its time";
  pins.now += pins.part.deep_power_down_exit;
  EXPECT_EQ(pins.status(), 0);
}

TEST(NorChip, TheClockHasALimit) {
  Pins pins("MX66UW1G45G");
  pins.hz = 60'000'000;
  EXPECT_EQ(pins.receive(pins.command(0x5a, 3, 0, 8), 4), Bytes(4, 0xff));
  EXPECT_NE(pins.complaints(), "");
}

TEST(NorChip, TheBusTakesItsClocks) {
  Pins pins("MX66UW1G45G");
  pins.hz = 50'000'000;
  const auto taken = [&](std::uint32_t size) {
    const Time before = pins.now;
    pins.read(0, size);
    return pins.now - before;
  };
  EXPECT_EQ(taken(4096) - taken(1), 4095 * 8 * 20ns);
  pins.enter(Mode::kOctalDtr);
  EXPECT_EQ(taken(4096) - taken(2), 4094 * 10ns);
}

}  // namespace
}  // namespace gangd::model
