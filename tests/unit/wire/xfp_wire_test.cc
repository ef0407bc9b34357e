// What the host does with a board whose line fails in the middle, and with one that lies of itself.
#include "wire/xfp_wire.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/crc32c.h"
#include "loop/deadline.h"
#include "loop/sleep.h"
#include "target_fw/core/xfp_frames.h"
#include "tests/sim/line_faults.h"
#include "tests/sim/sim_bus.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;
using sim::LineFault;
using sim::LineFaults;

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::size_t kPage = 256;

class XfpWireTest : public testing::Test {
 protected:
  using Work = std::function<Task<Status>(Wire&)>;

  XfpWireTest() {
    model::VirtualBoard::Options options;
    options.part = "MX25R6435F";
    board_ = &bus_.add_board(place_, options);
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
    }
    bus_.plug(place_);
  }

  Status run(Work work) { return world_.loop.run(on_wire(std::move(work))); }
  Task<Status> on_wire(Work work) {
    while (bus_.devices().empty()) CO_TRY_STATUS(co_await bus_.changed(bus_.revision()));
    CO_TRY(auto inner, co_await bus_.open(bus_.devices().front().arrival));
    const auto connection = sim::on_bad_line(std::move(inner), line_);
    CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(*connection));
    co_return co_await work(*wire);
  }
  // Erases, and then writes all; a moment of the writing is spoiled.
  Work write_with(std::function<void()> spoil) {
    return [this, spoil = std::move(spoil)](Wire& wire) -> Task<Status> {
      const auto progress = [](std::uint64_t) {};
      CO_TRY_STATUS(co_await wire.erase(kFlash, bytes_.size(), Erase::kAll, progress));
      before_ = board_->chip().operations();
      spoil();
      co_return co_await wire.write(kFlash, bytes_,
                                    [this](std::uint64_t bytes) { told_ += bytes; });
    };
  }
  std::uint64_t pages_programmed() { return board_->chip().operations() - before_; }
  ByteVector cells() {
    ByteVector found(bytes_.size());
    board_->chip().peek(0, found);
    return found;
  }
  static std::string words(const Status& status) { return status ? "" : status.error().message(); }

  Simulated world_;
  sim::SimBus bus_{world_.port, 1};
  const UsbPath place_{"0000:00:14.0", {1}};
  model::VirtualBoard* board_ = nullptr;
  LineFaults line_{[this](std::uint8_t endpoint) { bus_.halt(place_, endpoint); }};
  ByteVector bytes_ = ByteVector(400'000);
  std::uint64_t before_ = 0;
  std::uint64_t told_ = 0;
};

// What was answered for is not written a second time.
TEST_F(XfpWireTest, AfterALostLinkOnlyWhatIsMissingIsWritten) {
  const std::uint64_t pages = (bytes_.size() + kPage - 1) / kPage;
  for (const LineFault fault : {LineFault::kLost, LineFault::kDamaged, LineFault::kStalled,
                                LineFault::kRepeated, LineFault::kReordered, LineFault::kShort}) {
    SCOPED_TRACE(name(fault));
    told_ = 0;
    const Status status = run(write_with(
        [&] { line_.order({.fault = fault, .way = LineFaults::Way::kOut, .first = 15}); }));
    EXPECT_TRUE(status) << words(status);
    EXPECT_EQ(told_, bytes_.size());
    EXPECT_EQ(cells(), bytes_);
    EXPECT_GE(pages_programmed(), pages);
    // Frames that the device had and had not answered for.
    EXPECT_LE(pages_programmed(), pages + XFP_BUFFER / kPage);
    line_.clear();
  }
}

// A counter alone would go on behind cells that are blank again.
TEST_F(XfpWireTest, WhatIsGoneMeanwhileIsNoticed) {
  const Status status = run(write_with([&] {
    line_.order({.fault = LineFault::kLost, .way = LineFaults::Way::kOut, .first = 20});
    line_.at_moment(30, [this] { board_->chip().poke(5000, ByteVector(100, 0xff)); });
  }));
  ASSERT_TRUE(status.failed_with(Code::kDevice));
  EXPECT_NE(words(status).find("no longer holds what it had written"), std::string::npos)
      << words(status);
}

// One device answers HELLO with these capabilities, and then nothing.
class Boaster final : public UsbConnection {
 public:
  explicit Boaster(ByteVector capabilities) : capabilities_(std::move(capabilities)) {}

  const UsbDevice& device() const override { return device_; }
  const ByteVector& configuration() const override { return configuration_; }
  Task<Status> claim(std::uint8_t) override { co_return Status(); }
  Task<Status> select(std::uint8_t, std::uint8_t) override { co_return Status(); }
  Task<Result<ByteVector>> control_in(UsbRequest, std::size_t) override {
    co_return Error(Code::kStalled, "stalled");
  }
  Task<Status> control_out(UsbRequest, ByteVector) override { co_return Status(); }
  Task<Status> clear_halt(std::uint8_t) override { co_return Status(); }
  Task<Status> reset() override { co_return Error(Code::kUnplugged, "unplugged"); }
  Task<Status> bulk_out(std::uint8_t, ByteVector bytes) override {
    request_ = std::move(bytes);
    co_return Status();
  }
  Task<Result<ByteVector>> bulk_in(std::uint8_t, std::size_t) override {
    ByteWriter frame;
    frame.bytes(ByteView(request_).first(XFP_HEADER_SIZE)).bytes(capabilities_);
    frame.patch_u32_le(XFP_AT_SIZE, static_cast<std::uint32_t>(capabilities_.size()));
    frame.patch_u32_le(XFP_AT_CRC, crc32c(frame.view().subspan(XFP_AT_SESSION)));
    co_return std::move(frame).take();
  }

 private:
  const ByteVector capabilities_;
  ByteVector request_;
  UsbDevice device_;
  const ByteVector configuration_ = {9, 4, 1, 0, 2, 0xff, 0x47, 1, 0, 7, 5, 1,
                                     2, 0, 2, 0, 7, 5,    0x81, 2, 0, 2, 0};
};

ByteWriter good_capabilities() {
  ByteWriter fields;
  fields.u8(XFP_FIELD_UID).u8(12).fill(0xab, 12);
  fields.u8(XFP_FIELD_BUFFER).u8(4).u32_le(65536);
  fields.u8(XFP_FIELD_FRAME).u8(4).u32_le(16384);
  return fields;
}

void put_region(ByteWriter& fields, std::uint32_t address, std::uint32_t size, std::uint32_t erase,
                std::uint32_t erase_min) {
  fields.u8(XFP_FIELD_REGION).u8(XFP_REGION_SIZE);
  fields.u32_le(address).u32_le(size).u32_le(erase).u32_le(erase_min);
  fields.u32_le(1).u32_le(size).u32_le(1 << 20).u8(7);
}

Status open_boaster(ByteVector capabilities) {
  Simulated world;
  Boaster boaster(std::move(capabilities));
  const auto open = [&boaster]() -> Task<Status> {
    CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(boaster));
    co_return Status();
  };
  return world.loop.run(open());
}

// The loop of the whole station once stood still here: found by tests/fuzz.
TEST(XfpCapabilities, ThatEndAnywhereAreRefused) {
  ByteWriter fields = good_capabilities();
  put_region(fields, kFlash, 1 << 23, 65536, 4096);
  const ByteVector all = std::move(fields).take();
  EXPECT_TRUE(open_boaster(all));
  for (std::size_t size = 0; size < all.size(); ++size) {
    const Status status =
        open_boaster(ByteVector(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_TRUE(status.failed_with(Code::kDevice)) << size;
  }
}

TEST(XfpCapabilities, OfMemoriesThatCannotBeAreRefused) {
  struct Region {
    std::uint32_t address, size, erase, erase_min;
  };
  for (const Region& region :
       {Region{kFlash, 1 << 23, 0, 4096}, Region{kFlash, 1 << 23, 65536, 0},
        Region{kFlash, (1 << 23) + 1, 65536, 4096}, Region{kFlash, 1 << 23, 65536, 3000},
        Region{0xffff'0000, 0x20000, 65536, 4096}}) {
    ByteWriter fields = good_capabilities();
    put_region(fields, region.address, region.size, region.erase, region.erase_min);
    EXPECT_TRUE(open_boaster(std::move(fields).take()).failed_with(Code::kDevice));
  }
}

// That is how the protocol grows.
TEST(XfpCapabilities, ThatNobodyKnowsAreSkipped) {
  ByteWriter fields = good_capabilities();
  fields.u8(99).u8(3).fill(0x77, 3).u8(100).u8(0);
  put_region(fields, kFlash, 1 << 23, 65536, 4096);
  EXPECT_TRUE(open_boaster(std::move(fields).take()));
}

}  // namespace
}  // namespace gangd
