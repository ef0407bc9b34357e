// Clocks that a chip would not run at, and registers that do not exist, must not pass unseen; a
// driver that follows the manual must pass.
#include "tests/unit/emu/fake_chip.h"
#include "tests/unit/emu/system.h"

namespace gangd::emu {
namespace {

using namespace std::chrono_literals;

TEST(Rcc, RunsFromHsiAfterPowerOn) {
  Bench bench;
  EXPECT_EQ(bench.chip.clock_hz, 64'000'000u);
  EXPECT_EQ(bench.read(kRcc + 0x00), 0x25u);
  EXPECT_EQ(bench.read(kRcc + 0x130) & (1u << 23), 1u << 23);  // power-on in RSR
  EXPECT_CLEAN(bench);
}

TEST(Rcc, RunsAt600MHzWhenSetUpAsTheManualSays) {
  Bench bench;
  run_at_full_speed(bench);
  EXPECT_EQ(bench.chip.clock_hz, 600'000'000u);
  EXPECT_CLEAN(bench);
}

TEST(Rcc, RefusesWhatDoesNotExist) {
  Bench bench;
  bench.read(kRcc + 0x14);
  EXPECT_VIOLATION(bench, "RCC: a read at offset 14h, where no register is");
  bench.write(kRcc + 0x18, 0x100);
  EXPECT_VIOLATION(bench, "reserved bits");
}

TEST(Rcc, RefusesASwitchToAPllThatIsNotLocked) {
  Bench bench;
  configure_pll1(bench);
  bench.set(kRcc + 0x00, 1u << 24);
  bench.set(kRcc + 0x10, 3);
  EXPECT_VIOLATION(bench, "switched to PLL1, which is not ready");
}

TEST(Rcc, RefusesHighClocksAtLowVoltage) {
  Bench bench;
  set_supply(bench);
  configure_pll1(bench);
  bench.set(kRcc + 0x00, 1u << 24);
  bench.pass(200us);
  bench.write(kRcc + 0x1c, 8);       // bus: half of the CPU's clock
  bench.write(kRcc + 0x20, 0x4444);  // APB: half of the bus
  bench.write(kFlash + 0x00, 0x27);
  bench.set(kRcc + 0x10, 3);
  EXPECT_VIOLATION(bench, "where the core voltage allows");
}

TEST(Rcc, RefusesTooFewWaitStates) {
  Bench bench;
  run_at_full_speed(bench);
  bench.write(kFlash + 0x00, 0x26);
  EXPECT_VIOLATION(bench, "with 6 wait states");
}

TEST(Rcc, RefusesAPllOutsideItsRanges) {
  Bench bench;
  bench.write(kRcc + 0x28, 0x02020000 | 1u << 4);  // HSI / 1: 64 MHz
  bench.set(kRcc + 0x00, 1u << 24);
  EXPECT_VIOLATION(bench, "PLL1 started with a reference of 64000000");
}

TEST(Rcc, RefusesToChangeAPllThatRuns) {
  Bench bench;
  run_at_full_speed(bench);
  bench.write(kRcc + 0x30, 0x01010000 | 200);
  EXPECT_VIOLATION(bench, "PLL1DIVR1 changed for a PLL that is on");
}

TEST(Rcc, KeepsTheClockThatIsInUse) {
  Bench bench;
  bench.clear(kRcc + 0x00, 1);
  EXPECT_EQ(bench.read(kRcc + 0x00) & 1, 1u);
}

TEST(Rcc, AnswersForNoPeripheralWithoutItsClock) {
  Bench bench;
  bench.read(kGpioA);
  EXPECT_VIOLATION(bench, "GPIOA: a read at offset 0h without its clock");
  bench.set(kRcc + 0x140, 1);
  EXPECT_EQ(bench.read(kGpioA), 0xabffffffu);
  bench.set(kRcc + 0x88, 1);
  bench.write(kGpioA, 0);
  EXPECT_VIOLATION(bench, "while RCC holds it in reset");
}

TEST(Rcc, ResetsAPeripheral) {
  Bench bench;
  bench.set(kRcc + 0x140, 1);
  bench.write(kGpioA, 0xabfffffe);
  bench.set(kRcc + 0x88, 1);
  bench.clear(kRcc + 0x88, 1);
  EXPECT_EQ(bench.read(kGpioA), 0xabffffffu);
  EXPECT_CLEAN(bench);
}

TEST(Rcc, TellsAfterAResetThatItWasTheSoftware) {
  Bench bench;
  bench.set(kRcc + 0x130, 1u << 16);
  EXPECT_EQ(bench.read(kRcc + 0x130), 1u << 16);
  bench.clear(kRcc + 0x130, 1u << 16);
  run_at_full_speed(bench);
  bench.reset(false);
  EXPECT_EQ(bench.read(kRcc + 0x130), 1u << 24 | 1u << 22);
  EXPECT_EQ(bench.chip.clock_hz, 64'000'000u);
}

TEST(Rcc, ProtectsTheClocksOfExternalMemory) {
  Bench bench;
  bench.set(kRcc + 0x134, 1u << 12);
  bench.set(kRcc + 0x100, 1);
  bench.clear(kRcc + 0x134, 1u << 12);
  EXPECT_VIOLATION(bench, "protected in CKPROTR");
}

TEST(Pwr, SuppliesOnce) {
  Bench bench;
  bench.write(kPwr + 0x0c, 0x0);
  EXPECT_VIOLATION(bench, "illegal combination");
  set_supply(bench);
  EXPECT_CLEAN(bench);
  bench.write(kPwr + 0x0c, 0x2);
  EXPECT_VIOLATION(bench, "locked until power-on");
  bench.reset(false);
  EXPECT_EQ(bench.read(kPwr + 0x0c) & 0x1f, 4u);
}

TEST(Pwr, ChangesTheVoltageOnlyWhenTheSupplyIsReady) {
  Bench bench;
  bench.write(kPwr + 0x14, 1);
  EXPECT_VIOLATION(bench, "VOS changed before the supply");
}

TEST(Pwr, ProtectsTheBackupDomain) {
  Bench bench;
  bench.set(kRcc + 0x70, 1);
  EXPECT_VIOLATION(bench, "DBP protects it");
  bench.set(kPwr + 0x00, 1u << 8);
  bench.set(kRcc + 0x70, 0x100);
  EXPECT_CLEAN(bench);
  bench.reset(false);
  EXPECT_EQ(bench.read(kRcc + 0x70), 0x100u);
}

TEST(Sbs, RefusesWhatDestroysPads) {
  Bench bench;
  bench.set(kRcc + 0x154, 2);
  bench.write(kSbs + 0x110, 1u << 18);
  EXPECT_VIOLATION(bench, "it destroys them");
  bench.outside.xspi2_is_low = true;
  bench.write(kSbs + 0x110, 1u << 18 | 0x10);
  EXPECT_CLEAN(bench);
  bench.pass(1ms);
  EXPECT_EQ(bench.read(kSbs + 0x110) & 0x700, 0x400u);
}

TEST(Identity, HoldsUidAndSize) {
  Bench bench;
  bench.outside.uid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  EXPECT_EQ(bench.read(0x08fff800), 0x04030201u);
  EXPECT_EQ(bench.read(0x08fff808), 0x0c0b0a09u);
  EXPECT_EQ(bench.read(0x08fff80c, 2), 64u);
  bench.write(0x08fff800, 0);
  EXPECT_VIOLATION(bench, "read-only");
}

}  // namespace
}  // namespace gangd::emu
