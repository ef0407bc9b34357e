// What the kernel lends for transfers is shared by all boards: with little of it they take longer,
// and none fails.
#include <gtest/gtest.h>

#include "loop/scope.h"
#include "recipe/recipe.h"
#include "tests/sim/sim_bus.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

constexpr int kBoards = 64;
constexpr std::uint32_t kFlash = 0x9000'0000;

class FreshUnit final : public UnitRecord {
 public:
  Task<Result<BegunUnit>> begin(std::string) override {
    co_return BegunUnit{.serial = {}, .cells = Cells::kFresh, .nonce = {}};
  }
  void progress(std::string_view, std::uint64_t, std::uint64_t) override {}
};

Task<> program(sim::SimBus& bus, std::uint64_t arrival, const Recipe& recipe, int& passed) {
  const auto connection = co_await bus.open(arrival);
  FreshUnit record;
  const Attempt attempt = co_await recipe.run(**connection, record);
  EXPECT_EQ(attempt.verdict, Verdict::kPass) << (attempt.error ? attempt.error->message() : "");
  if (attempt.verdict == Verdict::kPass) ++passed;
}

// Without turns, 64 boards ask the kernel for 64 times 64 KiB at once.
TEST(LittleMemory, SixtyFourBoardsPassWithWhatFiveWouldTake) {
  Simulated world;
  const auto worker = world.port.start_workers("products", 1);
  sim::SimBus bus(world.port, 1, 320 << 10);
  bus.time_bus("0000:00:14.0", model::UsbBus::kHighSpeed);
  ByteVector bytes(150'000);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(i * 7919 >> 5);
  auto product = *parse_product(R"(
name = "tone"
minutes_max = 60
verify = "both"
[usb]
vendor = 0x1209
product = 1
[[image]]
file = "tone.bin"
address = 0x90000000
)",
                                "tone.toml");
  const auto recipe =
      *Recipe::make(std::move(product), *Image::make({{"tone.bin", kFlash, bytes}}), *worker);
  for (int board = 0; board < kBoards; ++board) {
    model::VirtualBoard::Options options;
    options.part = "MX66UW1G45G";
    options.lanes = 8;
    options.uid[11] = static_cast<std::uint8_t>(board + 1);
    const UsbPath place{"0000:00:14.0", {static_cast<std::uint8_t>(board + 1)}};
    bus.add_board(place, options);
    bus.plug(place);
  }
  int passed = 0;
  world.loop.run([](Loop& loop, sim::SimBus& usb, const Recipe& recipe, int& count) -> Task<> {
    while (usb.devices().size() < kBoards) (void)co_await usb.changed(usb.revision());
    Scope boards(loop, "boards");
    for (const UsbDevice& device : usb.devices()) {
      boards.spawn(device.path.to_string(), program(usb, device.arrival, recipe, count));
    }
    co_await boards.join();
  }(world.loop, bus, *recipe, passed));
  EXPECT_EQ(passed, kBoards);
}

}  // namespace
}  // namespace gangd
