// The cases of the bus on the simulated one: sixty-four boards in virtual time.
#include <gtest/gtest.h>

#include "loop/loop.h"
#include "tests/sim/sim_bus.h"
#include "tests/sim/sim_port.h"
#include "tests/usb_cases/usb_cases.h"

namespace gangd {
namespace {

constexpr int kBoards = 64;
constexpr int kHubPorts = 8;

class SimRack final : public Rack {
 public:
  // With `timed`, packets take their time on a bus that all boards share, and move without the
  // firmware's main loop coming by.
  explicit SimRack(bool timed) {
    if (timed) bus_.time_bus(hub_path(0).controller, model::UsbBus::kHighSpeed);
    for (int hub = 0; hub < kBoards / kHubPorts; ++hub) {
      bus_.add_hub(hub_path(hub), kHubPorts);
    }
    for (int board = 0; board < kBoards; ++board) {
      model::VirtualBoard::Options options;
      options.seed = static_cast<std::uint64_t>(board) + 1;
      options.uid[0] = static_cast<std::uint8_t>(board);
      bus_.add_board(place(board), options);
      bus_.plug(place(board));
    }
  }

  Loop& loop() override { return loop_; }
  Usb& usb() override { return bus_; }
  UsbPath place(int board) override {
    UsbPath path = hub_path(board / kHubPorts);
    path.ports.push_back(static_cast<std::uint8_t>(board % kHubPorts + 1));
    return path;
  }
  int boards() const override { return kBoards; }
  int tries() const override { return 1; }

  Task<> plug(int board) override {
    bus_.plug(place(board));
    co_return;
  }
  Task<> unplug(int board) override {
    bus_.unplug(place(board));
    co_return;
  }
  Task<> halt(int board, std::uint8_t endpoint) override {
    bus_.halt(place(board), endpoint);
    co_return;
  }
  Task<> hang(int board, std::uint8_t endpoint, bool on) override {
    bus_.hang(place(board), endpoint, on);
    co_return;
  }

 private:
  static UsbPath hub_path(int hub) {
    return {"0000:00:14.0", {1, static_cast<std::uint8_t>(hub + 1)}};
  }

  sim::Trace trace_{nullptr};
  sim::SimPort port_{1, trace_};
  Loop loop_{port_};
  sim::SimBus bus_{port_, 1};
};

class SimUsb : public testing::TestWithParam<UsbCase> {};

TEST_P(SimUsb, Case) {
  SimRack rack(false);
  rack.loop().run(GetParam().run(rack));
}

TEST_P(SimUsb, CaseOnABusThatTakesTime) {
  SimRack rack(true);
  rack.loop().run(GetParam().run(rack));
}

std::string name_of(const testing::TestParamInfo<UsbCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(, SimUsb, testing::ValuesIn(usb_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Dfu, SimUsb, testing::ValuesIn(dfu_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Xfp, SimUsb, testing::ValuesIn(xfp_cases()), name_of);

}  // namespace
}  // namespace gangd
