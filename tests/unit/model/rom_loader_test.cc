// The bootloader in ROM is what every staged run begins with. A model that is kinder than silicon
// would prove the daemon right about a chip that there is not.
#include "tests/model/rom_loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>

namespace gangd::model {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kRam = 0x2404'0000;
constexpr std::uint32_t kFlash = 0x0800'0000;

class Target final : public RomTarget {
 public:
  bool read(std::uint32_t address, std::span<std::uint8_t> bytes, Time) override {
    for (std::uint8_t& byte : bytes)
      byte = cells.contains(address) ? cells[address] : 0xff, ++address;
    return true;
  }
  void write_ram(std::uint32_t address, std::span<const std::uint8_t> bytes) override {
    for (const std::uint8_t byte : bytes) cells[address++] = byte;
  }
  Time erase_sector(std::uint32_t address, Time now) override {
    for (std::uint32_t i = 0; i < 0x2000; ++i) cells[address + i] = 0xff;
    return now + 30ms;
  }
  Time program(std::uint32_t address, std::span<const std::uint8_t> bytes, Time now) override {
    write_ram(address, bytes);
    return now + 5ms;
  }
  bool flash_failed() const override { return fails; }
  void go(std::uint32_t address, Time) override { went = address; }

  std::map<std::uint32_t, std::uint8_t> cells;
  bool fails = false;
  std::optional<std::uint32_t> went;
};

struct Status {
  int status = -1;
  int ms = 0;
  int state = -1;
};

class Bench {
 public:
  explicit Bench(std::set<RomBug> bugs = {}) : rom(target, options_of(std::move(bugs))) {
    rom.on_complete = [this](Transfer&) { ended_ = true; };
    rom.start(now);
    while (!rom.shown()) step();
  }

  // Nothing: stalled, or gone.
  std::optional<Bytes> control(std::uint8_t type, std::uint8_t request, std::uint16_t value,
                               Bytes data) {
    Transfer transfer;
    const auto low = [](std::size_t n) { return static_cast<std::uint8_t>(n); };
    transfer.setup = {type, request, low(value),       low(value >> 8),
                      0,    0,       low(data.size()), low(data.size() >> 8)};
    transfer.data = std::move(data);
    ended_ = false;
    rom.submit(transfer, now);
    while (!ended_) step();
    if (transfer.outcome != Outcome::kDone) return std::nullopt;
    transfer.data.resize(transfer.actual);
    return transfer.data;
  }
  bool download(std::uint16_t block, Bytes data) {
    return control(0x21, 1, block, std::move(data)).has_value();
  }
  std::optional<Bytes> upload(std::uint16_t block, std::size_t size) {
    return control(0xa1, 2, block, Bytes(size));
  }
  Status status() {
    const auto b = control(0xa1, 3, 0, Bytes(6));
    if (!b) return {};
    return {(*b)[0], (*b)[1] | (*b)[2] << 8 | (*b)[3] << 16, (*b)[4]};
  }
  // A download that is done, as a host does it that pauses as it is told.
  Status settle(std::uint16_t block, Bytes data) {
    EXPECT_TRUE(download(block, std::move(data)));
    Status at = status();
    EXPECT_EQ(at.state, 4) << "the first GETSTATUS says dfuDNBUSY";
    for (int i = 0; i < 100 && at.state == 4; ++i) {
      now += at.ms * 1ms;
      at = status();
    }
    return at;
  }
  Status command(std::uint8_t code, std::uint32_t address) {
    Bytes bytes = {code};
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(address >> 8 * i));
    return settle(0, bytes);
  }
  std::string string(std::uint8_t index) {
    const auto bytes = control(0x80, 6, static_cast<std::uint16_t>(0x300 | index), Bytes(255));
    std::string text;
    for (std::size_t i = 2; bytes && i < bytes->size(); i += 2)
      text += static_cast<char>((*bytes)[i]);
    return text;
  }
  void step() { rom.advance(now += 100us); }

  Target target;
  RomLoader rom;
  RomLoader::Time now{};

 private:
  static RomLoader::Options options_of(std::set<RomBug> bugs) {
    RomLoader::Options options;
    options.bugs = std::move(bugs);
    return options;
  }
  bool ended_ = false;
};

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + 1);
  return bytes;
}

constexpr Status kDone = {0, 0, 5};
bool operator==(const Status& a, const Status& b) {
  return a.status == b.status && a.ms == b.ms && a.state == b.state;
}
void PrintTo(const Status& at, std::ostream* out) {
  *out << "status " << at.status << ", " << at.ms << " ms, state " << at.state;
}

TEST(RomLoader, SaysWhatItsRelativesSay) {
  Bench one;
  EXPECT_EQ(one.string(4), "@Internal Flash   /0x08000000/08*08Kg");
  EXPECT_EQ(one.string(3), Bench().string(3)) << "its serial number tells nobody which board it is";
  const auto device = one.control(0x80, 6, 0x100, Bytes(18));
  ASSERT_TRUE(device);
  EXPECT_EQ((*device)[8] | (*device)[9] << 8, 0x0483);
  EXPECT_EQ((*device)[10] | (*device)[11] << 8, 0xdf11);
  EXPECT_EQ(one.upload(0, 16), (Bytes{0x00, 0x21, 0x41, 0x92}));
}

TEST(RomLoader, TakesBytesIntoTheRamAndGoesThere) {
  Bench bench;
  EXPECT_EQ(bench.command(0x21, kRam), kDone);
  const Bytes bytes = pattern(1024 + 64);
  EXPECT_EQ(bench.settle(2, Bytes(bytes.begin(), bytes.begin() + 1024)), kDone);
  EXPECT_EQ(bench.settle(3, Bytes(bytes.begin() + 1024, bytes.end())), kDone);
  EXPECT_FALSE(bench.upload(2, 64)) << "an upload begins in dfuIDLE";
  EXPECT_TRUE(bench.control(0x21, 4, 0, {}));
  EXPECT_EQ(bench.upload(3, 64), Bytes(bytes.begin() + 1024, bytes.end()));
  EXPECT_TRUE(bench.control(0x21, 6, 0, {}));
  EXPECT_TRUE(bench.download(2, {}));
  EXPECT_EQ(bench.status().state, 7);
  bench.now += 100ms;
  bench.step();
  EXPECT_FALSE(bench.rom.shown());
  EXPECT_EQ(bench.target.went, kRam);
}

TEST(RomLoader, OneBlockThatIsNotAlignedMakesAllThatFollowFail) {
  Bench bench;
  EXPECT_EQ(bench.command(0x21, kRam), kDone);
  EXPECT_EQ(bench.settle(2, pattern(62)).status, 3);
  EXPECT_TRUE(bench.control(0x21, 4, 0, {}));
  EXPECT_EQ(bench.command(0x21, kRam), kDone);
  EXPECT_EQ(bench.settle(2, pattern(64)).status, 3) << "until the next reset";
}

TEST(RomLoader, WritesFlashInWordsOf16AndErasesInSectors) {
  Bench bench;
  EXPECT_EQ(bench.command(0x41, kFlash + 5), kDone);
  EXPECT_EQ(bench.command(0x21, kFlash), kDone);
  EXPECT_EQ(bench.settle(2, pattern(1024)), kDone);
  EXPECT_EQ(bench.target.cells[kFlash + 1023], pattern(1024).back());
  EXPECT_EQ(bench.settle(3, pattern(8)).status, 3);
}

TEST(RomLoader, KeepsItsOwnRamAndWhatCanOnlyBeRead) {
  for (const std::uint32_t address : {0x2402'0000u, 0x2402'3fe0u, 0x1ff1'8000u, 0x08ff'f000u}) {
    Bench bench;
    if (bench.command(0x21, address).status == 8) continue;
    EXPECT_NE(bench.settle(2, pattern(64)).status, 0) << std::hex << address;
    EXPECT_TRUE(bench.target.cells.empty());
  }
  Bench bench;
  EXPECT_EQ(bench.command(0x41, kRam).status, 8) << "RAM is not erased";
  Bench elsewhere;
  EXPECT_EQ(elsewhere.command(0x21, 0x9000'0000).status, 8) << "it knows no external flash";
}

TEST(RomLoader, RefusesWhatIsOutOfTurn) {
  Bench bench;
  EXPECT_FALSE(bench.download(1, pattern(4))) << "block 1 is reserved";
  EXPECT_EQ(bench.status().state, 10);
  EXPECT_FALSE(bench.download(0, {0x21, 0, 0, 0, 0}));
  EXPECT_TRUE(bench.control(0x21, 4, 0, {}));
  EXPECT_FALSE(bench.download(2, pattern(1025)));
  EXPECT_TRUE(bench.control(0x21, 4, 0, {}));
  EXPECT_FALSE(bench.download(0, {0x92})) << "it would erase the chip";
}

// What people have met, each as an option.
TEST(RomLoader, HasTheBugsThatItIsTold) {
  Bench no_go({RomBug::kNoGo});
  EXPECT_TRUE(no_go.download(2, {}));
  EXPECT_EQ(no_go.status().state, 2);
  EXPECT_FALSE(no_go.target.went);

  Bench careful({RomBug::kWantsRoomOnStack});
  for (const std::uint8_t low : Bytes{0xf0, 0xe0}) {
    EXPECT_FALSE(careful.target.went);
    const Bytes stack = {low, 0x1f, 0x07, 0x24};
    for (std::uint32_t i = 0; i < 4; ++i) careful.target.cells[0x0800'0000 + i] = stack[i];
    EXPECT_TRUE(careful.download(2, {}));
    careful.status();
    for (int i = 0; i < 300 && !careful.target.went; ++i) careful.step();
  }
  EXPECT_TRUE(careful.target.went);

  Bench silent({RomBug::kSilentLeave});
  EXPECT_TRUE(silent.download(2, {}));
  EXPECT_EQ(silent.status().state, -1);
  EXPECT_TRUE(silent.target.went);

  Bench hasty({RomBug::kShortTimeouts});
  EXPECT_TRUE(hasty.download(0, {0x41, 0, 0, 0, 8}));
  EXPECT_EQ(hasty.status().ms, 1);
  hasty.now += 1ms;
  EXPECT_EQ(hasty.status().state, -1) << "stalled while it is busy";
  hasty.now += 30ms;
  EXPECT_EQ(hasty.status().state, 5);

  Bench stuck({RomBug::kBusyUntilCleared});
  EXPECT_TRUE(stuck.download(0, {0x41, 0, 0, 0, 8}));
  stuck.now += 10s;
  EXPECT_EQ(stuck.status().state, 4);
  EXPECT_EQ(stuck.status().state, 4);
  EXPECT_TRUE(stuck.control(0x21, 4, 0, {}));
  EXPECT_EQ(stuck.status().status, 14);
  EXPECT_TRUE(stuck.control(0x21, 4, 0, {}));
  EXPECT_EQ(stuck.status().state, 2);

  Bench spoils({RomBug::kSpoilsRam});
  EXPECT_EQ(spoils.command(0x21, kRam), kDone);
  EXPECT_EQ(spoils.settle(2, pattern(64)), kDone);
  EXPECT_NE(spoils.target.cells[kRam + 32], pattern(64)[32]);

  EXPECT_EQ(Bench({RomBug::kCutsStrings}).string(4), "@Internal Flash   /0x08000000/08*08K");
  EXPECT_EQ(Bench({RomBug::kWrongFlashSize}).string(4), "@Internal Flash   /0x08000000/16*08Kg");
  EXPECT_EQ(Bench({RomBug::kNoMassErase}).settle(0, {0x41}).status, 4);
  Bench lies({RomBug::kShortMassErase});
  EXPECT_TRUE(lies.download(0, {0x41}));
  EXPECT_EQ(lies.status().ms, 100);
  lies.now += 100ms;
  EXPECT_EQ(lies.status().state, 4);
  for (const std::string_view name : rom_bug_names()) EXPECT_TRUE(find_rom_bug(name)) << name;
  EXPECT_FALSE(find_rom_bug("no-such-bug"));
}

TEST(RomLoader, OnABusItTakesTheTimeOfFullSpeed) {
  UsbBus bus(UsbBus::kFullSpeed);
  Target target;
  RomLoader rom(target, {.chip = {}, .bugs = {}, .serial = "1", .tells_ram = false, .bus = &bus});
  bool ended = false;
  rom.on_complete = [&ended](Transfer&) { ended = true; };
  rom.start({});
  RomLoader::Time now{};
  while (!rom.shown()) rom.advance(now += 1ms);
  Transfer transfer;
  transfer.setup = {0x21, 1, 2, 0, 0, 0, 0, 4};
  transfer.data = pattern(1024);
  const RomLoader::Time began = now;
  rom.submit(transfer, now);
  while (!ended) rom.advance(now += 100us);
  EXPECT_GE(now - began, 2ms) << "1024 bytes are most of a frame of 1 ms, and the status another";
  EXPECT_LE(now - began, 4ms);
}

}  // namespace
}  // namespace gangd::model
