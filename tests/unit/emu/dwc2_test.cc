// The USB controller must carry what a correct driver sends, and name what an incorrect one does.
#include <deque>
#include <utility>

#include "tests/unit/emu/usb_device.h"

namespace gangd::emu {
namespace {

using namespace std::chrono_literals;
using model::Outcome;
using model::Transfer;

std::vector<std::uint8_t> counted(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{3});
  return bytes;
}

class Dwc2Test : public testing::TestWithParam<std::uint32_t> {
 public:
  Dwc2Test() : device(bench, GetParam()) {
    run_at_full_speed(bench);
    host().on_complete = [this](Transfer& transfer) { done.push_back(&transfer); };
    host().on_shown = [this](bool shown) { is_shown = shown; };
    device.supply();
    device.start();
  }
  UsbHost& host() { return device.host(); }
  bool high() const { return GetParam() == kOtgHs; }
  std::uint32_t bulk() const { return high() ? 512 : 64; }
  void connect() {
    device.connect();
    ASSERT_TRUE(is_shown);
    host().bus_reset();
    device.run();
  }
  // Answers 18 bytes to reads, and accepts the rest.
  void answer() {
    device.on_setup = [this](const std::vector<std::uint8_t>& setup) {
      const std::uint32_t length = setup[6] | std::uint32_t(setup[7]) << 8;
      if (setup[1] == 5)
        device.put(0x800, (device.get(0x800) & ~0x7f0u) | std::uint32_t(setup[2]) << 4);
      if (length == 0) {
        device.send(0, {}, 64);
      } else if ((setup[0] & 0x80) != 0) {
        device.send(0, counted(18), 64);
        device.receive(0, 1, 64);
      } else {
        device.receive(0, 1, 64);
      }
    };
  }
  Transfer& submit(std::uint8_t endpoint, std::vector<std::uint8_t> data,
                   std::array<std::uint8_t, 8> setup = {}) {
    transfers.push_back({.endpoint = endpoint, .setup = setup, .data = std::move(data)});
    host().submit(transfers.back());
    return transfers.back();
  }
  Transfer& control(std::array<std::uint8_t, 8> setup, std::vector<std::uint8_t> data = {}) {
    Transfer& transfer = submit(0, std::move(data), setup);
    device.run();
    return transfer;
  }

  std::deque<Transfer> transfers;
  Bench bench;
  UsbDevice device;
  std::vector<Transfer*> done;
  bool is_shown = false;
};

INSTANTIATE_TEST_SUITE_P(Both, Dwc2Test, testing::Values(kOtgHs, kOtgFs),
                         [](const auto& given) { return given.param == kOtgHs ? "hs" : "fs"; });

TEST_P(Dwc2Test, ShowsItselfAndAgreesOnASpeed) {
  connect();
  EXPECT_EQ(device.speed, high() ? 0u : 3u);
  EXPECT_EQ(host().high_speed(), high());
  device.set(0x804, 2);
  EXPECT_FALSE(is_shown);
  EXPECT_CLEAN(bench);
}

TEST_P(Dwc2Test, CarriesControlTransfers) {
  connect();
  answer();
  const Transfer& read = control({0x80, 6, 0, 1, 0, 0, 64, 0}, std::vector<std::uint8_t>(64));
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(read.outcome, Outcome::kDone);
  EXPECT_EQ(read.actual, 18u);
  EXPECT_EQ(read.data[17], 20);
  EXPECT_EQ(control({0, 5, 42, 0, 0, 0, 0, 0}).outcome, Outcome::kDone);
  EXPECT_EQ(host().address(), 42);
  EXPECT_EQ(control({0, 9, 1, 0, 0, 0, 0, 0}).outcome, Outcome::kDone);
  EXPECT_EQ(device.setups.size(), 3u);
  EXPECT_CLEAN(bench);
}

TEST_P(Dwc2Test, CarriesControlDataToTheDevice) {
  connect();
  device.on_setup = [this](const auto&) { device.receive(0, 1, 64); };
  submit(0, counted(70), {0x21, 1, 0, 0, 0, 0, 70, 0});
  device.run();
  EXPECT_EQ(device.ended[0], 1u);
  device.receive(0, 1, 64);
  device.run();
  EXPECT_EQ(device.received[0], counted(70));
  EXPECT_TRUE(done.empty());
  device.send(0, {}, 64);
  device.run();
  EXPECT_EQ(done.size(), 1u);
  EXPECT_CLEAN(bench);
}

TEST_P(Dwc2Test, StallsUntilTheNextSetup) {
  connect();
  device.on_setup = [this](const auto&) {
    device.set(0x900, 1u << 21);
    device.set(0xb00, 1u << 21);
  };
  EXPECT_EQ(control({0x80, 6, 0, 9, 0, 0, 8, 0}, std::vector<std::uint8_t>(8)).outcome,
            Outcome::kStalled);
  answer();
  EXPECT_EQ(control({0x80, 6, 0, 1, 0, 0, 18, 0}, std::vector<std::uint8_t>(18)).outcome,
            Outcome::kDone);
  EXPECT_CLEAN(bench);
}

TEST_P(Dwc2Test, CarriesBulkBothWays) {
  connect();
  device.open_bulk(bulk());
  device.receive(1, 3, bulk());
  Transfer& out = submit(0x01, counted(2 * bulk() + 5));
  device.run();
  EXPECT_EQ(out.outcome, Outcome::kDone);
  EXPECT_EQ(device.received[1], counted(2 * bulk() + 5));
  EXPECT_EQ(device.ended[1], 1u);

  Transfer& in = submit(0x81, std::vector<std::uint8_t>(1000));
  device.run();
  EXPECT_TRUE(done.size() == 1);
  device.send(1, counted(bulk() / 2), bulk());
  device.run();
  EXPECT_EQ(in.actual, bulk() / 2);
  EXPECT_EQ(in.data[7], 10);
  EXPECT_EQ(device.sent[1], 1u);
  EXPECT_CLEAN(bench);
}

TEST_P(Dwc2Test, LetsThePacketsTakeTheirTime) {
  connect();
  device.open_bulk(bulk());
  device.receive(1, 4, bulk());
  submit(0x01, counted(4 * bulk()));
  device.run(high() ? 30us : 150us);
  EXPECT_TRUE(done.empty());
  device.run();
  EXPECT_EQ(done.size(), 1u);
}

TEST_P(Dwc2Test, EndsWhatIsUnpluggedOrCancelled) {
  connect();
  device.open_bulk(bulk());
  Transfer& in = submit(0x81, std::vector<std::uint8_t>(64));
  Transfer& other = submit(0x81, std::vector<std::uint8_t>(64));
  device.run();
  host().cancel(in);
  EXPECT_EQ(in.outcome, Outcome::kCancelled);
  bench.reset(false);
  EXPECT_EQ(other.outcome, Outcome::kUnplugged);
  EXPECT_FALSE(is_shown);
}

TEST_P(Dwc2Test, StopsAnEndpointThatSends) {
  connect();
  device.open_bulk(bulk());
  device.send(1, counted(8), bulk());
  device.set(0x920, 1u << 30);
  EXPECT_VIOLATION(bench, "without NAK");
  device.set(0x920, 1u << 27);
  EXPECT_NE(device.get(0x928) & 0x40, 0u);
  device.set(0x920, 1u << 27 | 1u << 30);
  EXPECT_EQ(device.get(0x928) & 2, 2u);
  EXPECT_EQ(device.get(0x920) >> 30, 0u);
  device.put(0x930, 1u << 19 | 8);
  device.set(0x920, 1u << 31 | 1u << 26);
  EXPECT_VIOLATION(bench, "still holds an older transfer");
  device.put(0x010, 1u << 5 | 1u << 6);
  bench.pass(1us);
  device.send(1, counted(8), bulk());
  EXPECT_CLEAN(bench);
}

TEST_P(Dwc2Test, StopsAnEndpointThatReceives) {
  connect();
  device.open_bulk(bulk());
  device.receive(1, 1, bulk());
  device.set(0xb20, 1u << 27 | 1u << 30);
  EXPECT_EQ(device.get(0xb28) & 2, 0u);  // not before all answer NAK
  device.set(0x804, 1u << 9);
  EXPECT_EQ(device.get(0x014) & 0x80, 0u);
  device.poll();  // reads the mark
  EXPECT_EQ(device.get(0x014) & 0x80, 0x80u);
  EXPECT_EQ(device.get(0xb28) & 2, 2u);
  device.set(0x804, 1u << 10);
  EXPECT_EQ(device.get(0x014) & 0x80, 0u);
  EXPECT_CLEAN(bench);
}

TEST_P(Dwc2Test, WatchesItsFifos) {
  connect();
  device.open_bulk(bulk());
  device.get(0x020);
  EXPECT_VIOLATION(bench, "nothing is received");
  device.get(0x1000);
  EXPECT_VIOLATION(bench, "behind the end of a packet");
  device.put(0x2000, 1);
  EXPECT_VIOLATION(bench, "while its endpoint is not enabled");
  device.send(1, counted(4), bulk());
  device.put(0x2000, 1);
  EXPECT_VIOLATION(bench, "more written to FIFO 1");
  device.put(0x930, 0);
  EXPECT_VIOLATION(bench, "DIEPTSIZ1 written while");
}

TEST_P(Dwc2Test, WantsEachFifoInItsPlace) {
  connect();
  device.put(0x104, 100u << 16 | 100);
  device.open_bulk(bulk());
  device.put(0x930, 1u << 19 | 4);
  device.set(0x920, 1u << 31 | 1u << 26);
  EXPECT_VIOLATION(bench, "FIFOs that overlap");
}

TEST_P(Dwc2Test, WantsCountsThatFit) {
  connect();
  device.open_bulk(bulk());
  device.put(0x930, 1u << 19 | (bulk() + 1));
  device.set(0x920, 1u << 31 | 1u << 26);
  EXPECT_VIOLATION(bench, "packet count");
  device.set(0xb20, 1u << 31 | 1u << 26);
  EXPECT_VIOLATION(bench, "enabled for no packet");
}

TEST_P(Dwc2Test, ListensToItsAddressAlone) {
  connect();
  answer();
  device.put(0x800, (device.get(0x800) & ~0x7f0u) | 5u << 4);
  control({0x80, 6, 0, 1, 0, 0, 18, 0}, std::vector<std::uint8_t>(18));
  EXPECT_VIOLATION(bench, "the host calls address 0, DCFG has 5");
}

TEST_P(Dwc2Test, NoticesTogglesOutOfStep) {
  connect();
  answer();
  control({0, 9, 1, 0, 0, 0, 0, 0});
  device.open_bulk(bulk());
  device.set(0x920, 1u << 29);  // DATA1
  submit(0x81, std::vector<std::uint8_t>(64));
  device.send(1, counted(8), bulk());
  device.run();
  EXPECT_VIOLATION(bench, "DATA1 where the host expects DATA0");
}

TEST_P(Dwc2Test, TellsFrames) {
  connect();
  device.put(0x018, 8);
  bench.pass(3ms);
  EXPECT_EQ(device.get(0x014) & 8, 8u);
  device.put(0x014, 8);
  EXPECT_EQ(device.get(0x014) & 8, 0u);
  bench.pass(3ms);
  EXPECT_EQ(device.get(0x014) & 8, 8u);
}

TEST_P(Dwc2Test, NeedsSupplyAndClock) {
  bench.clear(kPwr + 0x0c, 1u << 24);
  device.connect();
  EXPECT_VIOLATION(bench, "PWR_CSR2 gives its PHY no supply");
  EXPECT_FALSE(is_shown);
}

TEST_P(Dwc2Test, KnowsNoRegistersOfAHost) {
  device.get(0x440);
  EXPECT_VIOLATION(bench, "where no register is");
}

TEST(Dwc2, FullSpeedNeedsItsPins) {
  Bench bench;
  run_at_full_speed(bench);
  UsbDevice device(bench, kOtgFs);
  device.supply();
  bench.write(kGpioA + 12 * 0x400, 0xffffffff);
  device.start();
  device.connect();
  EXPECT_VIOLATION(bench, "pin 11 of GPIOM is not connected");
}

TEST(Dwc2, HighSpeedNeedsItsReference) {
  Bench bench;
  run_at_full_speed(bench);
  bench.outside.hse_hz = 16'000'000;
  UsbDevice device(bench, kOtgHs);
  device.supply();
  device.start();
  device.connect();
  EXPECT_VIOLATION(bench, "not what USBREFCKSEL says");
}

}  // namespace
}  // namespace gangd::emu
