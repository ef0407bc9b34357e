// The rules of the internal flash: keys, sectors, words of 16 bytes that are written once.
#include <numeric>

#include "tests/unit/emu/fake_chip.h"
#include "tests/unit/emu/system.h"

namespace gangd::emu {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kCr = kFlash + 0x10, kSr = kFlash + 0x14, kIsr = kFlash + 0x24;
constexpr std::uint32_t kPg = 2, kSer = 4, kStart = 0x20;

class Flash : public testing::Test {
 public:
  void unlock() {
    bench.write(kFlash + 0x04, 0x45670123);
    bench.write(kFlash + 0x04, 0xcdef89ab);
  }
  void erase(unsigned sector) {
    bench.write(kCr, kSer | sector << 6 | kStart);
    bench.pass(10ms);
    bench.write(kCr, 0);
  }
  Bench bench;
  std::vector<std::uint8_t> word = [] {
    std::vector<std::uint8_t> bytes(16);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
    return bytes;
  }();
};

TEST_F(Flash, ProgramsWordsThatItShowsAtOnce) {
  unlock();
  bench.write(kCr, kPg);
  EXPECT_TRUE(bench.store(0x08002000, word));
  EXPECT_EQ(bench.read(kSr) & 5, 5u);
  bench.pass(1ms);
  EXPECT_EQ(bench.read(kSr) & 7, 0u);
  EXPECT_EQ(bench.read(kIsr), 1u << 16);
  EXPECT_EQ(bench.peek(0x08002000, 16), word);
  EXPECT_CLEAN(bench);
}

TEST_F(Flash, ErasesASector) {
  bench.outside.flash.poke(0x0800e000, word);
  unlock();
  erase(7);
  EXPECT_EQ(bench.peek(0x0800e000, 16), std::vector<std::uint8_t>(16, 0xff));
  EXPECT_CLEAN(bench);
}

TEST_F(Flash, InterruptsAtTheEnd) {
  unlock();
  bench.write(kFlash + 0x20, 1u << 16);
  bench.write(kCr, kSer | kStart);
  EXPECT_TRUE(bench.chip.interrupts.empty());
  bench.pass(10ms);
  EXPECT_EQ(bench.chip.interrupts, std::set<unsigned>{8});
  bench.write(kFlash + 0x28, 1u << 16);
  EXPECT_TRUE(bench.chip.interrupts.empty());
}

TEST_F(Flash, WantsItsKeys) {
  bench.write(kCr, kPg);
  EXPECT_VIOLATION(bench, "CR written while it is locked");
  bench.write(kFlash + 0x04, 1);
  EXPECT_VIOLATION(bench, "a wrong key");
}

TEST_F(Flash, WantsProgramMode) {
  unlock();
  bench.store(0x08002000, word);
  EXPECT_VIOLATION(bench, "without PG");
}

TEST_F(Flash, WantsWholeWords) {
  unlock();
  bench.write(kCr, kPg);
  bench.store(0x08002000, {1, 2, 3, 4});
  EXPECT_EQ(bench.read(kSr) & 2, 2u);
  bench.store(0x08002010, {1, 2, 3, 4});
  EXPECT_VIOLATION(bench, "is not full");
  bench.store(0x08002000, {1});
  EXPECT_VIOLATION(bench, "written twice");
  bench.write(kCr, 0);
  EXPECT_VIOLATION(bench, "which are lost");
}

TEST_F(Flash, FillsUpAWordThatIsForced) {
  unlock();
  bench.write(kCr, kPg);
  bench.store(0x08002000, {1, 2, 3, 4});
  bench.write(kCr, kPg | 0x10);
  bench.pass(1ms);
  EXPECT_EQ(bench.peek(0x08002000, 8),
            (std::vector<std::uint8_t>{1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff}));
  EXPECT_CLEAN(bench);
}

TEST_F(Flash, WritesAWordOnce) {
  unlock();
  bench.write(kCr, kPg);
  bench.store(0x08002000, word);
  bench.pass(1ms);
  bench.store(0x08002000, word);
  EXPECT_VIOLATION(bench, "program over a program");
}

TEST_F(Flash, DoesOneThingAtATime) {
  unlock();
  bench.write(kCr, kSer | kStart);
  bench.write(kCr, kSer | 1u << 6 | kStart);
  EXPECT_VIOLATION(bench, "while an operation runs");
}

TEST_F(Flash, KeepsProtectedSectors) {
  bench.outside.protected_sectors = 1;
  bench.reset(true);
  unlock();
  bench.outside.flash.poke(0x08000000, word);
  erase(0);
  EXPECT_EQ(bench.read(kIsr), 1u << 17);
  EXPECT_EQ(bench.peek(0x08000000, 16), word);
}

TEST_F(Flash, LosesPowerInTheMiddle) {
  unlock();
  bench.write(kCr, kPg);
  bench.store(0x08002000, word);
  bench.outside.power_off(bench.chip.now() + 1us);
  bench.outside.power_on(std::chrono::seconds(2));
  EXPECT_NE(bench.outside.flash.peek(0x08002000, 16), word);
}

TEST(Gpio, DrivesAndReadsPins) {
  Bench bench;
  std::map<Pin, bool> seen;
  bench.outside.on_output = [&seen](Pin pin, bool high) { seen[pin] = high; };
  bench.outside.levels[{12, 3}] = true;
  bench.set(kRcc + 0x140, 1u << 12);
  constexpr std::uint32_t kGpioM = kGpioA + 0x400 * 12;
  EXPECT_EQ(bench.read(kGpioM + 0x10), 0u);  // analog: nothing to be read
  bench.write(kGpioM, 0xffffff3d);           // PM0 is an output, PM3 an input
  bench.write(kGpioM + 0x18, 1u << 0);
  EXPECT_EQ(bench.read(kGpioM + 0x10), 8u | 1u);
  EXPECT_EQ(seen, (std::map<Pin, bool>{{{12, 0}, true}}));
  bench.write(kGpioM + 0x28, 1);
  EXPECT_EQ(seen, (std::map<Pin, bool>{{{12, 0}, false}}));
  EXPECT_CLEAN(bench);
}

TEST(Gpio, KeepsWhatIsLocked) {
  Bench bench;
  bench.set(kRcc + 0x140, 1u << 2);
  constexpr std::uint32_t kGpioC = kGpioA + 0x400 * 2;
  for (const std::uint32_t value : {0x10002u, 0x00002u, 0x10002u})
    bench.write(kGpioC + 0x1c, value);
  EXPECT_EQ(bench.read(kGpioC + 0x1c), 0x10002u);
  bench.write(kGpioC, 0xfffffff7);
  EXPECT_VIOLATION(bench, "of a locked pin");
}

}  // namespace
}  // namespace gangd::emu
