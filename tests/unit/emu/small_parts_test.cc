// Peripherals of a few registers must do what their manual says, and name what it forbids.
#include "base/sha256.h"
#include "tests/unit/emu/fake_chip.h"
#include "tests/unit/emu/system.h"

namespace gangd::emu {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kHash = 0x48020400, kRng = 0x48020000, kTamp = 0x58004400,
                        kIwdg = 0x58004800, kCrs = 0x40008400;

class Hash : public testing::Test {
 public:
  Hash() {
    bench.set(kRcc + 0x158, 2);
    bench.write(kHash + 0x00, 3u << 17 | 2u << 4 | 4);
  }
  void push(const std::string& text) {
    for (std::size_t i = 0; i < text.size(); i += 4) {
      std::uint32_t word = 0;
      for (std::size_t j = i; j < std::min(text.size(), i + 4); ++j) {
        word |= std::uint32_t(static_cast<std::uint8_t>(text[j])) << (8 * (j - i));
      }
      bench.write(kHash + 0x04, word);
    }
  }
  void finish(std::uint32_t bits) {
    bench.write(kHash + 0x08, bits);
    bench.write(kHash + 0x08, bits | 0x100);
    bench.pass(10us);
    EXPECT_EQ(bench.read(kHash + 0x24) & 2, 2u);
  }
  std::string digest() {
    std::string hex;
    for (std::uint32_t i = 0; i < 8; ++i) {
      char word[9];
      std::snprintf(word, sizeof word, "%08x", bench.read(kHash + 0x310 + 4 * i));
      hex += word;
    }
    return hex;
  }
  static std::string expected(const std::string& text) {
    return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}).hex();
  }
  Bench bench;
};

TEST_F(Hash, HashesAnyNumberOfBytes) {
  for (std::size_t size : {1u, 4u, 63u, 64u, 65u, 200u}) {
    bench.write(kHash + 0x00, 3u << 17 | 2u << 4 | 4);
    const std::string text(size, 'g');
    push(text);
    finish(8 * (size % 4));
    EXPECT_EQ(digest(), expected(text)) << size;
  }
  EXPECT_CLEAN(bench);
}

TEST_F(Hash, NamesWhatIsOutOfOrder) {
  bench.read(kHash + 0x310);
  EXPECT_VIOLATION(bench, "a digest read before DCIS");
  bench.write(kHash + 0x08, 0x108);
  EXPECT_VIOLATION(bench, "NBLW changed together with DCAL");
  push("abcd");
  finish(0);
  push("abcd");
  EXPECT_VIOLATION(bench, "DIN written before INIT");
  bench.write(kHash + 0x00, 4);
  EXPECT_VIOLATION(bench, "only SHA-256");
}

TEST_F(Hash, InterruptsWhenItHasEnded) {
  bench.write(kHash + 0x20, 2);
  push("abcd");
  bench.write(kHash + 0x08, 0x100);
  EXPECT_TRUE(bench.chip.interrupts.empty());
  bench.pass(10us);
  EXPECT_EQ(bench.chip.interrupts, std::set<unsigned>{36});
}

TEST(Backup, KeepsWhatItHoldsThroughAReset) {
  Bench bench;
  bench.write(kTamp + 0x100, 7);
  EXPECT_VIOLATION(bench, "DBP protects it");
  bench.set(kPwr, 1u << 8);
  bench.write(kTamp + 0x17c, 7);
  bench.reset(false);
  EXPECT_EQ(bench.read(kTamp + 0x17c), 7u);
  bench.reset(true);
  EXPECT_EQ(bench.read(kTamp + 0x17c), 0u);
  bench.read(kTamp + 0x180);
  EXPECT_VIOLATION(bench, "where no register is");
}

TEST(Backup, KeepsItsSramThroughAReset) {
  Bench bench;
  constexpr std::uint32_t kSram = 0x38800000;
  EXPECT_TRUE(bench.peek(kSram, 4).empty());
  EXPECT_VIOLATION(bench, "backup SRAM: an access without its clock");
  bench.set(kRcc + 0x140, 1u << 28);
  bench.store(kSram + 8, {1});
  EXPECT_VIOLATION(bench, "at offset 8h while PWR_CR1.DBP protects it");
  bench.set(kPwr, 1u << 8);
  bench.store(kSram + 8, {1, 2, 3, 4});
  bench.reset(false);
  bench.set(kRcc + 0x140, 1u << 28);
  EXPECT_EQ(bench.peek(kSram + 8, 4), (std::vector<std::uint8_t>{1, 2, 3, 4}));
  EXPECT_CLEAN(bench);
}

TEST(Iwdg, ResetsTheChipUnlessItIsReloaded) {
  Bench bench;
  bench.write(kIwdg + 0x04, 1);
  EXPECT_VIOLATION(bench, "without the key");
  bench.write(kIwdg, 0xcccc);
  bench.write(kIwdg, 0x5555);
  bench.write(kIwdg + 0x08, 99);  // 100 * 4 clocks of 32 kHz: 12.5 ms
  bench.pass(12ms);
  bench.write(kIwdg, 0xaaaa);
  bench.pass(12ms);
  EXPECT_EQ(bench.chip.reset_why, "");
  bench.pass(1ms);
  EXPECT_NE(bench.chip.reset_why, "");
  bench.reset(false);
  EXPECT_EQ(bench.read(kRcc + 0x130) & (1u << 26 | 1u << 24), 1u << 26);
}

TEST(Rng, GivesNumbersOfTheSeedWhenItIsReady) {
  Bench bench;
  Bench other;
  for (Bench* each : {&bench, &other}) {
    each->set(kRcc + 0x158, 1);
    each->set(kRcc, 1u << 12);
    each->pass(100us);
    each->set(kRng, 4);
  }
  bench.read(kRng + 0x08);
  EXPECT_VIOLATION(bench, "there is no number");
  bench.pass(10us);
  other.pass(10us);
  EXPECT_EQ(bench.read(kRng + 0x04), 1u);
  const std::uint32_t number = bench.read(kRng + 0x08);
  EXPECT_NE(number, 0u);
  EXPECT_EQ(other.read(kRng + 0x08), number);
  EXPECT_EQ(bench.read(kRng + 0x04), 0u);
}

TEST(Rng, NoticesThatItsClockIsOff) {
  Bench bench;
  bench.set(kRcc + 0x158, 1);
  bench.set(kRng, 4);
  bench.pass(10us);
  EXPECT_EQ(bench.read(kRng + 0x04), 2u);
}

TEST(Crs, KeepsItsSettingsWhileItWorks) {
  Bench bench;
  bench.set(kRcc + 0x14c, 2);
  bench.write(kCrs, 0x2060);
  bench.write(kCrs + 0x04, 0x1022bb7f);
  EXPECT_VIOLATION(bench, "CEN in CR protects it");
}

TEST(Dbgmcu, TellsDeviceAndRevision) {
  Bench bench;
  EXPECT_EQ(bench.read(0x5c001000), 0x10036485u);
}

}  // namespace
}  // namespace gangd::emu
