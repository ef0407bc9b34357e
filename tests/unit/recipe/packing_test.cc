// Boards behind a slow wire get the image packed, and all of them get the same packed bytes.
#include "recipe/packing.h"

#include <gtest/gtest.h>

#include <chrono>

#include "loop/scope.h"
#include "loop/sleep.h"
#include "recipe/recipe.h"
#include "tests/sim/sim_bus.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::size_t kPieceMax = 16384;

// Packs well, and is longer than what is packed at once.
ByteVector text(std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::uint8_t>(i % 200 < 150 ? i % 50 : i * 7919 >> 7);
  }
  return bytes;
}

class PackingTest : public testing::Test {
 public:
  Simulated world_;
  const std::unique_ptr<Workers> worker_ = world_.port.start_workers("products", 1);
  const Image image_ = *Image::make({{"tone.bin", kFlash, text(5 << 20)}});
  Packing packing_{*worker_, image_};
};

TEST_F(PackingTest, TheImageIsPackedOnceForAllWhoAsk) {
  world_.loop.run([](PackingTest& test) -> Task<> {
    Scope boards(test.world_.loop, "boards");
    for (int i = 0; i < 3; ++i) {
      boards.spawn("board", [](Packing& packing) -> Task<> {
        EXPECT_TRUE(co_await packing.run(kPieceMax));
        EXPECT_EQ(packing.pieces().size(), (5 << 20) / kPieceMax);
      }(test.packing_));
    }
    co_await boards.join();
  }(*this));
}

// The first board may be unplugged in the middle.
TEST_F(PackingTest, WhoIsCancelledLeavesTheRestToTheNext) {
  world_.loop.run([](PackingTest& test) -> Task<> {
    Scope first(test.world_.loop, "first");
    first.spawn("board", [](Packing& packing) -> Task<> {
      EXPECT_TRUE((co_await packing.run(kPieceMax)).failed_with(Code::kCancelled));
    }(test.packing_));
    while (test.packing_.pieces().empty()) (void)co_await sleep_for(1ms);
    first.cancel();
    co_await first.join();
    EXPECT_LT(test.packing_.pieces().size(), (5 << 20) / kPieceMax);
    EXPECT_TRUE(co_await test.packing_.run(kPieceMax));
    EXPECT_EQ(test.packing_.pieces().size(), (5 << 20) / kPieceMax);
  }(*this));
}

class AlwaysFresh final : public UnitRecord {
 public:
  Task<Result<BegunUnit>> begin(std::string) override {
    co_return BegunUnit{.serial = {}, .cells = Cells::kFresh, .nonce = {}};
  }
  void progress(std::string_view, std::uint64_t, std::uint64_t) override {}
};

// What the bus carries while a board is programmed with an image of 1 MiB that packs well.
std::uint64_t carried(bool high_speed) {
  Simulated world;
  const auto worker = world.port.start_workers("products", 1);
  sim::SimBus bus(world.port, 1);
  const UsbPath place{"0000:00:14.0", {1}};
  const model::UsbBus& usb = bus.time_bus(
      place.controller, high_speed ? model::UsbBus::kHighSpeed : model::UsbBus::kFullSpeed);
  model::VirtualBoard::Options options;
  options.part = "MX66UW1G45G";
  options.cpu = "STM32H7S7";
  options.lanes = 8;
  options.high_speed = high_speed;
  model::VirtualBoard& board = bus.add_board(place, options);
  const ByteVector bytes = text(1 << 20);
  auto product = *parse_product(R"(
name = "tone"
minutes_max = 2
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
  bus.plug(place);
  world.loop.run([](sim::SimBus& usb, const Recipe& recipe) -> Task<> {
    while (usb.devices().empty()) (void)co_await usb.changed(usb.revision());
    const auto connection = co_await usb.open(usb.devices().front().arrival);
    AlwaysFresh record;
    EXPECT_EQ((co_await recipe.run(**connection, record)).verdict, Verdict::kPass);
  }(bus, *recipe));
  ByteVector found(bytes.size());
  board.chip().peek(0, found);
  EXPECT_EQ(found, bytes);
  return usb.bytes();
}

TEST(PackedWrite, IsForASlowWireAlone) {
  EXPECT_LT(carried(false), std::uint64_t{800} << 10);
  EXPECT_GE(carried(true), std::uint64_t{1} << 20);
}

}  // namespace
}  // namespace gangd
