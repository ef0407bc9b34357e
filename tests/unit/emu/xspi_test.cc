// What goes over the flash bus must be what the registers say; each way to get it wrong must be
// named. The chip behind it is that of tests/model.
#include <numeric>

#include "tests/unit/emu/fake_chip.h"
#include "tests/unit/emu/system.h"

namespace gangd::emu {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kXspi1 = 0x52005000, kXspi2 = 0x5200a000, kXspim = 0x5200b400;
constexpr std::uint32_t kWindow2 = 0x70000000;
constexpr std::uint32_t kCr = 0x00, kDcr1 = 0x08, kDcr2 = 0x0c, kSr = 0x20, kFcr = 0x24,
                        kDlr = 0x40, kAr = 0x48, kDr = 0x50, kCcr = 0x100, kTcr = 0x108,
                        kIr = 0x110;
constexpr std::uint32_t kTcf = 2, kFtf = 4, kSmf = 8, kBusy = 0x20;
constexpr std::uint32_t kRead = 1u << 28, kPoll = 2u << 28, kMapped = 3u << 28;
// CCR: on one lane; in octal DTR.
constexpr std::uint32_t kInstruction = 1, kAddress3 = 1u << 8 | 2u << 12, kData = 1u << 24;
constexpr std::uint32_t kOctalInstruction = 4 | 8 | 1u << 4,
                        kOctalAddress = (4u | 8u) << 8 | 3u << 12, kOctalData = (4u | 8u) << 24;

class XspiTest : public testing::Test {
 public:
  explicit XspiTest(const char* part = "MX66UW1G45G") {
    run_at_full_speed(bench);
    bench.outside.fit_nor(*model::find_part(part), 2);
    bench.outside.memory(2)->power_on(0ms);
    bench.pass(20ms);
    bench.set(kPwr + 0x0c, 1u << 15);
    bench.set(kRcc + 0x134, 1u << 12 | 1u << 14 | 1u << 5);
    bench.set(kRcc + 0x140, 1u << 13);
    constexpr std::uint32_t kGpioN = kGpioA + 13 * 0x400;
    bench.write(kGpioN + 0x20, 0x99999999);
    bench.write(kGpioN + 0x24, 0x00009999);
    bench.write(kGpioN, 0xffaaaaaa);
    put(kDcr1, 2u << 24 | 31u << 16 | 4u << 8);
    put(kDcr2, 5);  // 300 / 6 = 50 MHz
    bench.pass(10us);
    put(kCr, 1);
    EXPECT_CLEAN(bench);
  }

  std::uint32_t get(std::uint32_t offset) { return bench.read(kXspi2 + offset); }
  void put(std::uint32_t offset, std::uint32_t value) { bench.write(kXspi2 + offset, value); }
  void mode(std::uint32_t bits) { put(kCr, (get(kCr) & ~kMapped) | bits); }
  void finish() {
    bench.pass(1ms);
    EXPECT_EQ(get(kSr) & kTcf, kTcf);
    put(kFcr, 0x1b);
  }
  // Commands in SPI mode.
  void plain(std::uint32_t opcode) {
    mode(0);
    put(kTcr, 0);
    put(kCcr, kInstruction);
    put(kIr, opcode);
    finish();
  }
  Bytes read(std::uint32_t ccr, std::uint32_t opcode, std::uint32_t address, std::uint32_t size,
             std::uint32_t dummies = 0) {
    mode(kRead);
    put(kDlr, size - 1);
    put(kTcr, dummies);
    put(kCcr, ccr);
    put(kIr, opcode);
    if ((ccr >> 8 & 7) != 0) put(kAr, address);
    return drain(size);
  }
  Bytes drain(std::uint32_t size) {
    Bytes bytes;
    while (bytes.size() < size && bench.chip.violations.empty()) {
      bench.pass(1us);
      const std::uint32_t level = get(kSr) >> 8 & 0x7f;
      for (std::uint32_t i = 0; i < level; ++i) {
        bytes.push_back(static_cast<std::uint8_t>(bench.read(kXspi2 + kDr, 1)));
      }
    }
    put(kFcr, 0x1b);
    return bytes;
  }
  void write(std::uint32_t ccr, std::uint32_t opcode, std::uint32_t address, const Bytes& bytes) {
    mode(0);
    put(kTcr, 0);
    put(kDlr, static_cast<std::uint32_t>(bytes.size()) - 1);
    put(kCcr, ccr);
    put(kIr, opcode);
    if ((ccr >> 8 & 7) != 0) put(kAr, address);
    EXPECT_EQ(get(kSr) & kBusy, 0u) << "it waits for data";
    for (const std::uint8_t byte : bytes) {
      EXPECT_EQ(get(kSr) & kFtf, kFtf);
      bench.write(kXspi2 + kDr, byte, 1);
    }
    bench.pass(1ms);
    put(kFcr, 0x1b);
  }
  void to_octal_dtr() {
    plain(0x06);
    write(kInstruction | 1u << 8 | 3u << 12 | kData, 0x72, 0, {2});
  }
  void map(std::uint32_t ccr, std::uint32_t opcode, std::uint32_t dummies) {
    mode(0);
    put(kTcr, dummies);
    put(kCcr, ccr);
    put(kIr, opcode);
    mode(kMapped);
  }

  Bench bench;
  const Bytes page = [] {
    Bytes bytes(64);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{7});
    return bytes;
  }();
};

TEST_F(XspiTest, ReadsTheId) {
  EXPECT_EQ(read(kInstruction | kData, 0x9f, 0, 3), (Bytes{0xc2, 0x81, 0x3b}));
  EXPECT_CLEAN(bench);
}

TEST_F(XspiTest, GivesWhatIsReadAsTheBusBringsIt) {
  mode(kRead);
  put(kDlr, 255);
  put(kCcr, kInstruction | kAddress3 | kData);
  put(kIr, 0x03);
  EXPECT_EQ(get(kSr) & kBusy, 0u);
  put(kAr, 0);
  EXPECT_EQ(get(kSr) & (kBusy | kTcf), kBusy);
  bench.pass(2us);  // 32 bits of 20 ns have gone out, 8 have come
  EXPECT_LE(get(kSr) >> 8 & 0x7f, 10u);
  bench.pass(5us);
  EXPECT_GT(get(kSr) >> 8 & 0x7f, 20u);
  put(kIr, 0x03);
  EXPECT_VIOLATION(bench, "IR written while it is busy");
  EXPECT_EQ(drain(256).size(), 256u);
  EXPECT_EQ(get(kSr) & kBusy, 0u);
}

TEST_F(XspiTest, ErasesPollsUntilItIsDoneAndPrograms) {
  bench.outside.nor()->poke(0x100, page);
  plain(0x06);
  mode(0);
  put(kCcr, kInstruction | kAddress3);
  put(kIr, 0x20);
  EXPECT_EQ(get(kSr) & kBusy, 0u) << "it waits for the address";
  put(kAr, 0);
  finish();
  mode(kPoll | 1u << 22);
  put(0x80, 1);
  put(0x88, 0);
  put(0x90, 16);
  put(kDlr, 0);
  put(kCcr, kInstruction | kData);
  put(kIr, 0x05);
  EXPECT_EQ(get(kSr) & (kSmf | kBusy), kBusy);
  bench.pass(50ms);
  EXPECT_EQ(get(kSr) & (kSmf | kBusy), kSmf);
  put(kFcr, 0x1b);
  EXPECT_EQ(read(kInstruction | kAddress3 | kData, 0x03, 0x100, 1), Bytes{0xff});
  plain(0x06);
  write(kInstruction | kAddress3 | kData, 0x02, 0x100, page);
  EXPECT_EQ(read(kInstruction | kAddress3 | kData, 0x03, 0x100, 64), page);
  EXPECT_CLEAN(bench);
}

TEST_F(XspiTest, InterruptsWhenACommandHasEnded) {
  put(kCr, 1 | 1u << 17);
  put(kCcr, kInstruction);
  put(kIr, 0x06);
  EXPECT_TRUE(bench.chip.interrupts.empty());
  bench.pass(1ms);
  EXPECT_EQ(bench.chip.interrupts, std::set<unsigned>{106});
  put(kFcr, 2);
  EXPECT_TRUE(bench.chip.interrupts.empty());
}

TEST_F(XspiTest, MapsTheChipIntoMemory) {
  bench.outside.nor()->poke(0x2345, page);
  map(kInstruction | kAddress3 | kData, 0x03, 0);
  EXPECT_EQ(bench.peek(kWindow2 + 0x2345, 64), page);
  EXPECT_FALSE(bench.store(kWindow2, {0}));
  mode(0);
  EXPECT_VIOLATION(bench, "CR written while it is busy");
  put(kCr, get(kCr) | 2);
  mode(0);
  EXPECT_TRUE(bench.peek(kWindow2, 1).empty());
  EXPECT_CLEAN(bench);
}

TEST_F(XspiTest, SpeaksOctalDtrWithBytesThatChangePlaces) {
  bench.outside.nor()->poke(0, page);
  to_octal_dtr();
  put(kDcr1, 2u << 24 | 31u << 16 | 4u << 8);
  const std::uint32_t ccr = kOctalInstruction | kOctalAddress | kOctalData | 1u << 29;
  Bytes swapped = page;
  for (std::size_t i = 0; i < swapped.size(); i += 2) std::swap(swapped[i], swapped[i + 1]);
  const bool swaps = model::find_part("MX66UW1G45G")->swaps_octal_dtr;
  EXPECT_EQ(read(ccr, 0xee11, 0, 64, 20), swaps ? swapped : page);
  put(kDcr1, 1u << 24 | 31u << 16 | 4u << 8);
  EXPECT_EQ(read(ccr, 0xee11, 0, 64, 20), swaps ? page : swapped);
  map(ccr, 0xee11, 20);
  EXPECT_EQ(bench.peek(kWindow2, 64), swaps ? page : swapped);
  EXPECT_CLEAN(bench);
}

TEST_F(XspiTest, NamesAProgramWithoutWriteEnable) {
  write(kInstruction | kAddress3 | kData, 0x02, 0, {1});
  EXPECT_VIOLATION(bench, "without write enable");
}

TEST_F(XspiTest, NamesAFetchFromABusyChip) {
  plain(0x06);
  mode(0);
  put(kCcr, kInstruction | kAddress3);
  put(kIr, 0x20);
  put(kAr, 0x1000);
  finish();
  map(kInstruction | kAddress3 | kData, 0x03, 0);
  bench.peek(kWindow2 + 0x1000, 4);
  EXPECT_VIOLATION(bench, "busy");
}

TEST_F(XspiTest, NamesLanesAndDummiesThatAreWrong) {
  read(kInstruction | kAddress3 | kData, 0x0b, 0, 4, 7);
  EXPECT_VIOLATION(bench, "instruction Bh");
  to_octal_dtr();
  read(kInstruction | kData, 0x05, 0, 1);
  EXPECT_VIOLATION(bench, "instruction 5h");
}

TEST_F(XspiTest, NamesAClockThatIsTooFast) {
  put(kDcr2, 0);
  bench.pass(10us);
  read(kInstruction | kAddress3 | kData, 0x03, 0, 4);
  EXPECT_VIOLATION(bench, "a clock of 300000000 Hz");
}

TEST_F(XspiTest, NeedsToBeSetUp) {
  bench.clear(kPwr + 0x0c, 1u << 15);
  read(kInstruction | kData, 0x9f, 0, 3);
  EXPECT_VIOLATION(bench, "has no supply (EN_XSPIM2");
  bench.set(kPwr + 0x0c, 1u << 15);
  bench.write(kGpioA + 13 * 0x400, 0xffffffff);
  read(kInstruction | kData, 0x9f, 0, 3);
  EXPECT_VIOLATION(bench, "pin 1 of GPION is not connected");
  put(kCr, 0);
  put(kCcr, kInstruction);
  put(kIr, 6);
  EXPECT_VIOLATION(bench, "while it is off");
}

TEST_F(XspiTest, WatchesItsDataRegister) {
  bench.read(kXspi2 + kDr);
  EXPECT_VIOLATION(bench, "of DR, where 0 are left");
  plain(0x06);
  put(kDlr, 1);
  put(kCcr, kInstruction | kAddress3 | kData);
  put(kIr, 0x02);
  put(kAr, 0);
  bench.write(kXspi2 + kDr, 0x01020304);
  EXPECT_VIOLATION(bench, "more written to DR");
}

TEST_F(XspiTest, TellsAnAddressBehindTheEnd) {
  put(kDcr1, 2u << 24 | 9u << 16);  // of 1 KB
  mode(kRead);
  put(kDlr, 3);
  put(kCcr, kInstruction | kAddress3 | kData);
  put(kIr, 0x03);
  put(kAr, 0x3fe);
  EXPECT_EQ(get(kSr) & 1, 1u);
  EXPECT_CLEAN(bench);
}

TEST_F(XspiTest, WantsTheDelayLinesToBeSet) {
  put(kDcr2, 3);
  put(kDlr, 1);
  EXPECT_VIOLATION(bench, "DLR written while it is busy");
}

TEST_F(XspiTest, UsesTheStrobeOnlyWhereThereIsOne) {
  read(kInstruction | kData | 1u << 29, 0x9f, 0, 3);
  EXPECT_VIOLATION(bench, "drives no strobe");
}

TEST_F(XspiTest, TheManagerCrossesTheControllers) {
  bench.write(kXspim, 2);
  EXPECT_VIOLATION(bench, "while a controller is enabled");
  put(kCr, 0);
  bench.write(kXspim, 2);
  put(kCr, 1);
  read(kInstruction | kData, 0x9f, 0, 3);  // port 1 now
  EXPECT_VIOLATION(bench, "port 1 of XSPIM has no supply");
}

TEST_F(XspiTest, OneControllerReadsWhileTheOtherWrites) {
  put(kCr, 0);
  bench.write(kXspim, 3);  // both on port 2
  put(kCr, 1);
  bench.outside.nor()->poke(0, page);
  map(kInstruction | kAddress3 | kData, 0x03, 0);
  EXPECT_EQ(bench.peek(kWindow2, 64), page);
  bench.write(kXspi1 + kDcr1, 2u << 24 | 31u << 16 | 4u << 8);
  bench.write(kXspi1 + kDcr2, 5);
  bench.pass(10us);
  bench.write(kXspi1 + kCr, 1);
  bench.write(kXspi1 + kCcr, kInstruction);
  bench.write(kXspi1 + kIr, 0x06);
  bench.pass(1ms);
  EXPECT_CLEAN(bench);
  EXPECT_EQ(bench.peek(kWindow2, 64), page);
}

}  // namespace
}  // namespace gangd::emu
