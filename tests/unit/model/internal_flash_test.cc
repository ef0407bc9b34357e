// The internal flash must be as hard as silicon, or what is concluded from it is worth nothing.
#include "tests/model/internal_flash.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/model/internal_memory.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;
using Time = InternalFlash::Time;
using Word = std::array<std::uint8_t, InternalFlash::kWordSize>;

constexpr std::uint32_t kBase = InternalFlash::kAddress;

Word word_of(std::uint8_t byte) {
  Word word;
  word.fill(byte);
  return word;
}

class InternalFlashTest : public testing::Test {
 protected:
  InternalFlashTest() { flash_.power_on(now_); }

  void program(std::uint32_t address, std::uint8_t byte) {
    flash_.program(address, word_of(byte), now_);
    now_ = std::max(now_, flash_.busy_until());
  }
  void erase(std::uint32_t address) {
    flash_.erase(address, now_);
    now_ = std::max(now_, flash_.busy_until());
  }
  bool reads(std::uint32_t address, std::uint8_t byte) {
    Word word;
    return flash_.read(address, word, now_) && word == word_of(byte);
  }
  void power_cycle() {
    flash_.power_off(now_);
    flash_.power_on(now_);
  }

  InternalFlash flash_{1};
  Time now_ = 1ms;
};

TEST_F(InternalFlashTest, HoldsWhatIsProgrammedUntilItsSectorIsErased) {
  EXPECT_TRUE(reads(kBase, 0xff));
  program(kBase, 0x12);
  program(kBase + InternalFlash::kSectorSize, 0x34);
  EXPECT_TRUE(reads(kBase, 0x12));
  erase(kBase);
  EXPECT_TRUE(reads(kBase, 0xff));
  EXPECT_TRUE(reads(kBase + InternalFlash::kSectorSize, 0x34));
  EXPECT_EQ(flash_.operations(), 3U);
  EXPECT_TRUE(flash_.complaints().empty());
}

TEST_F(InternalFlashTest, TakesTimeForIt) {
  flash_.erase(kBase, now_);
  EXPECT_GT(flash_.busy_until(), now_);
  Word word;
  EXPECT_FALSE(flash_.read(kBase, word, now_));
  flash_.program(kBase, word, now_);
  EXPECT_EQ(flash_.complaints().size(), 2U);
  EXPECT_EQ(flash_.operations(), 1U);
}

TEST_F(InternalFlashTest, AWordTakesOneProgram) {
  program(kBase, 0xf0);
  program(kBase, 0xf0);
  EXPECT_FALSE(reads(kBase, 0xf0));
  EXPECT_EQ(flash_.peek(kBase, 16), std::nullopt);
  EXPECT_EQ(flash_.complaints().size(), 1U);
  erase(kBase);
  EXPECT_TRUE(reads(kBase, 0xff));
}

TEST_F(InternalFlashTest, AddressesThatAreNoUnitAreRefused) {
  flash_.program(kBase + 8, word_of(0), now_);
  flash_.erase(kBase + 16, now_);
  flash_.erase(kBase + InternalFlash::kSize, now_);
  EXPECT_EQ(flash_.complaints().size(), 3U);
  EXPECT_EQ(flash_.operations(), 0U);
}

// Each outcome of a cut program must occur, or a test that cuts proves less than it says.
TEST_F(InternalFlashTest, AProgramThatIsCutLeavesAnything) {
  int blank = 0, written = 0, faults = 0, firm = 0;
  for (int i = 0; i < 400; ++i) {
    erase(kBase);
    flash_.cut_power_at_operation(0);
    program(kBase, 0x00);
    ASSERT_TRUE(flash_.cut());
    flash_.power_on(now_);
    blank += reads(kBase, 0xff);
    written += reads(kBase, 0x00);
    faults += flash_.peek(kBase, 16) == std::nullopt;
    firm += flash_.firm(kBase, 16);
  }
  EXPECT_GT(blank, 40);
  EXPECT_GT(written, 40);
  EXPECT_GT(faults, 40);
  EXPECT_EQ(firm, 0);
}

TEST_F(InternalFlashTest, AnEraseThatIsCutLeavesOldBrokenOrBlankWords) {
  int old = 0, blank = 0, faults = 0, unsteady = 0;
  for (int i = 0; i < 200; ++i) {
    erase(kBase);
    program(kBase, 0x55);
    flash_.cut_power_at_operation(0);
    erase(kBase);
    flash_.power_on(now_);
    const auto bytes = flash_.peek(kBase, 16);
    faults += !bytes;
    old += bytes && bytes->front() == 0x55;
    blank += bytes && bytes->front() == 0xff;
    unsteady += bytes && !flash_.firm(kBase, InternalFlash::kSectorSize);
  }
  EXPECT_GT(old, 10);
  EXPECT_GT(blank, 10);
  EXPECT_GT(faults, 10);
  EXPECT_GT(unsteady, 10);
}

// The trap: what was read right after a cut faults on another day.
TEST_F(InternalFlashTest, AWeakWordReadsOnKindDaysOnly) {
  program(kBase, 0x77);
  flash_.weaken_word(kBase);
  int right = 0, faults = 0;
  for (int i = 0; i < 300; ++i) {
    power_cycle();
    (reads(kBase, 0x77) ? right : faults)++;
  }
  EXPECT_GT(right, 100);
  EXPECT_GT(faults, 10);
}

TEST_F(InternalFlashTest, PowerThatGoesWhileItWorksCutsIt) {
  flash_.erase(kBase, now_);
  flash_.power_off(now_ + 1us);
  EXPECT_FALSE(flash_.cut()) << "nobody planted it";
  flash_.power_on(now_ + 1ms);
  EXPECT_FALSE(flash_.firm(kBase, InternalFlash::kSectorSize));
}

TEST_F(InternalFlashTest, AFailedOperationSaysSoAndDoesNothing) {
  flash_.fail_operation(1);
  program(kBase, 0x01);
  EXPECT_FALSE(flash_.failed());
  program(kBase + 16, 0x02);
  EXPECT_TRUE(flash_.failed());
  EXPECT_TRUE(reads(kBase + 16, 0xff));
}

// --- the memory of the core on it

class InternalMemoryTest : public InternalFlashTest {
 protected:
  static constexpr std::uint32_t kFirst = kBase + 5 * InternalFlash::kSectorSize;

  memory_progress end() {
    while (true) {
      const memory_progress progress = memory().poll(memory().self);
      if (progress.state != MEMORY_BUSY) return progress;
      now_ += 1us * progress.poll_in_us;
    }
  }
  const struct memory& memory() const { return internal_.as_memory(); }

  InternalMemory internal_{flash_, kFirst, 3 * InternalFlash::kSectorSize, [this] { return now_; }};
};

TEST_F(InternalMemoryTest, WritesAndErasesBehindTheLoader) {
  std::vector<std::uint8_t> bytes(4096);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
  flash_.poke(kFirst - 16, word_of(0x11));
  memory().erase_all(memory().self);
  EXPECT_EQ(end().state, MEMORY_IDLE);
  memory().write(memory().self, kFirst, bytes.data(), 4096);
  EXPECT_EQ(end().state, MEMORY_IDLE);
  std::vector<std::uint8_t> read(4096);
  EXPECT_EQ(memory().read(memory().self, kFirst, read.data(), 4096), DFU_OK);
  EXPECT_EQ(read, bytes);
  EXPECT_EQ(flash_.operations(), 3U + 4096 / 16);
  EXPECT_EQ(memory().erase(memory().self, kFirst, 8192), 8192U);
  EXPECT_EQ(end().state, MEMORY_IDLE);
  EXPECT_TRUE(reads(kFirst, 0xff));
  EXPECT_TRUE(reads(kFirst - 16, 0x11));
  EXPECT_TRUE(flash_.complaints().empty());
}

TEST_F(InternalMemoryTest, TellsWhatFailed) {
  const Word word = word_of(0);
  flash_.fail_operation(0);
  memory().write(memory().self, kFirst, word.data(), 16);
  EXPECT_EQ(end().status, DFU_ERR_PROG);
  flash_.fail_operation(0);
  memory().erase(memory().self, kFirst, 8192);
  EXPECT_EQ(end().status, DFU_ERR_ERASE);
  flash_.break_word(kFirst);
  Word read;
  EXPECT_EQ(memory().read(memory().self, kFirst, read.data(), 16), DFU_ERR_VERIFY);
}

}  // namespace
}  // namespace gangd::model
