// A cable that is touched at the wrong moment must cost neither the board nor the truth of what is
// measured. On boards that run the real firmware; every transfer in turn goes wrong.
#include "wire/dfuse_wire.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/sim/sim_bus.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::uint64_t kFlashBytes = 8 << 20;
constexpr std::uint64_t kNever = ~std::uint64_t{0};

// A real connection, some transfers of which fail.
class ShakyConnection final : public UsbConnection {
 public:
  struct Fault {
    std::uint64_t first = kNever;  // transfers before it are well
    std::uint64_t count = 1;
    Code code = Code::kTransfer;
    bool is_heard = false;  // the device has done as it was told, and only we do not know
  };

  ShakyConnection(std::unique_ptr<UsbConnection> inner, Fault fault)
      : inner_(std::move(inner)), fault_(fault) {}

  const UsbDevice& device() const override { return inner_->device(); }
  const ByteVector& configuration() const override { return inner_->configuration(); }
  Task<Status> claim(std::uint8_t interface) override { return inner_->claim(interface); }
  Task<Status> clear_halt(std::uint8_t endpoint) override { return inner_->clear_halt(endpoint); }
  Task<Status> reset() override {
    ++resets;
    return inner_->reset();
  }
  Task<Status> select(std::uint8_t interface, std::uint8_t alternate) override {
    return shake(inner_->select(interface, alternate));
  }
  Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) override {
    return shake(inner_->control_in(request, bytes_max));
  }
  Task<Status> control_out(UsbRequest request, ByteVector bytes) override {
    return shake(inner_->control_out(request, std::move(bytes)));
  }
  Task<Result<ByteVector>> bulk_in(std::uint8_t endpoint, std::size_t bytes_max) override {
    return inner_->bulk_in(endpoint, bytes_max);
  }
  Task<Status> bulk_out(std::uint8_t endpoint, ByteVector bytes) override {
    return inner_->bulk_out(endpoint, std::move(bytes));
  }

  std::uint64_t transfers = 0;
  int resets = 0;

 private:
  template <class T>
  Task<T> shake(Task<T> transfer) {
    const std::uint64_t n = transfers++;
    const bool fails = n >= fault_.first && n - fault_.first < fault_.count;
    if (!fails) co_return co_await std::move(transfer);
    if (fault_.is_heard) (void)co_await std::move(transfer);
    co_return Error(fault_.code, "the cable was touched");
  }

  const std::unique_ptr<UsbConnection> inner_;
  const Fault fault_;
};

class DfuseWireTest : public testing::Test {
 protected:
  using Fault = ShakyConnection::Fault;
  using Work = std::function<Task<Status>(Wire&)>;

  DfuseWireTest() {
    model::VirtualBoard::Options options;
    options.part = "MX25R6435F";
    options.uid = {0xab, 0xcd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xef};
    board_ = &bus_.add_board(place_, options);
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::uint8_t>(i * 7);
    bus_.plug(place_);
  }

  Task<Status> on_wire(Fault fault, Work work) {
    while (bus_.devices().empty()) CO_TRY_STATUS(co_await bus_.changed(bus_.revision()));
    CO_TRY(auto inner, co_await bus_.open(bus_.devices().front().arrival));
    ShakyConnection connection(std::move(inner), fault);
    const Status status = co_await open_and(connection, work);
    transfers_ = connection.transfers;
    resets_ = connection.resets;
    co_return status;
  }
  static Task<Status> open_and(UsbConnection& connection, const Work& work) {
    CO_TRY(const std::unique_ptr<Wire> wire, co_await DfuseWire::open(connection));
    co_return co_await work(*wire);
  }
  Status run(Work work) { return run(Fault(), std::move(work)); }
  Status run(Fault fault, Work work) { return world_.loop.run(on_wire(fault, std::move(work))); }

  // All that is done with a board, and whether what was measured is what should be there.
  Work program() {
    return [this](Wire& wire) -> Task<Status> {
      const auto progress = [](std::uint64_t) {};
      CO_TRY_STATUS(co_await wire.erase(kFlash, bytes_.size(), Erase::kAll, progress));
      CO_TRY_STATUS(co_await wire.write(kFlash, bytes_, progress));
      CO_TRY(const Sha256Digest digest, co_await wire.read_back(kFlash, bytes_.size(), progress));
      if (digest != sha256(bytes_)) co_return Error(Code::kMismatch, "measured something else");
      co_return Status();
    };
  }
  ByteVector cells(std::uint32_t address, std::size_t size) {
    ByteVector found(size);
    board_->chip().peek(address, found);
    return found;
  }
  static std::string words(const Status& status) { return status ? "" : status.error().message(); }

  Simulated world_;
  sim::SimBus bus_{world_.port, 1};
  const UsbPath place_{"0000:00:14.0", {1}};
  model::VirtualBoard* board_ = nullptr;
  ByteVector bytes_ = ByteVector(5000);
  std::uint64_t transfers_ = 0;
  int resets_ = 0;
};

TEST_F(DfuseWireTest, SaysWhichChipAndWhichMemories) {
  EXPECT_TRUE(run([](Wire& wire) -> Task<Status> {
    EXPECT_EQ(wire.protocol(), "dfuse");
    EXPECT_EQ(wire.uid(), "ABCD000000000000000000EF");
    EXPECT_TRUE(std::ranges::any_of(wire.memories(), [](const Layout& memory) {
      return memory.holds(kFlash, kFlashBytes) && !memory.holds(kFlash, kFlashBytes + 1);
    }));
    co_return Status();
  }));
}

TEST_F(DfuseWireTest, MeasuresWhatTheChipHolds) {
  EXPECT_TRUE(run(program()));
  EXPECT_EQ(cells(0, bytes_.size()), bytes_);
  board_->chip().poke(4999, ByteVector{0x00});
  EXPECT_TRUE(run([this](Wire& wire) -> Task<Status> {
    const auto progress = [](std::uint64_t) {};
    const auto digest = co_await wire.read_back(kFlash, bytes_.size(), progress);
    EXPECT_EQ(*digest, sha256(cells(0, bytes_.size())));
    EXPECT_NE(*digest, sha256(bytes_));
    EXPECT_EQ(*co_await wire.read_back(kFlash, 0, progress), sha256(ByteVector()));
    co_return Status();
  }));
}

// Two parts may share a page with nothing, but never a page that is not theirs.
TEST_F(DfuseWireTest, ErasesTheWholePagesThatAreTouchedAndNoOther) {
  std::uint32_t page = 0;
  EXPECT_TRUE(run([&page](Wire& wire) -> Task<Status> {
    page = wire.memories().front().segment_at(kFlash)->page_size;
    co_return Status();
  }));
  board_->chip().poke(0, ByteVector(4 * std::size_t{page}, 0x00));
  std::uint64_t told = 0;
  EXPECT_TRUE(run([&](Wire& wire) -> Task<Status> {
    return wire.erase(kFlash + 2 * page - 1, 2, Erase::kAll,
                      [&told](std::uint64_t bytes) { told += bytes; });
  }));
  EXPECT_EQ(told, 2U);
  EXPECT_EQ(cells(0, page), ByteVector(page, 0x00));
  EXPECT_EQ(cells(page, 2 * page), ByteVector(2 * std::size_t{page}, 0xff));
  EXPECT_EQ(cells(3 * page, page), ByteVector(page, 0x00));
}

TEST_F(DfuseWireTest, WhatIsInNoMemoryIsRefusedByItsAddress) {
  const auto progress = [](std::uint64_t) {};
  EXPECT_TRUE(run([&](Wire& wire) -> Task<Status> {
    const Status below = co_await wire.erase(kFlash - 1, 1, Erase::kAll, progress);
    EXPECT_TRUE(below.failed_with(Code::kInvalid));
    EXPECT_EQ(words(below), "0x8fffffff is in no memory of the board");
    constexpr std::uint32_t kLast = kFlash + kFlashBytes - 1;
    EXPECT_TRUE((co_await wire.write(kLast, bytes_, progress)).failed_with(Code::kInvalid));
    EXPECT_TRUE((co_await wire.read_back(kLast, 2, progress)).failed_with(Code::kInvalid));
    EXPECT_TRUE((co_await wire.erase(kLast, 2, Erase::kAll, progress)).failed_with(Code::kInvalid));
    co_return Status();
  }));
}

// At each transfer in turn, heard by the board or not.
TEST_F(DfuseWireTest, OneFaultAnywhereIsSurvived) {
  ASSERT_TRUE(run(program()));
  const std::uint64_t transfers = transfers_;
  ASSERT_GT(transfers, 20U);
  for (const Code code : {Code::kStalled, Code::kTransfer, Code::kTimeout}) {
    for (const bool is_heard : {false, true}) {
      for (std::uint64_t n = 0; n < transfers; ++n) {
        const Status status = run({n, 1, code, is_heard}, program());
        EXPECT_TRUE(status) << name(code) << " at " << n << ": " << words(status);
        EXPECT_EQ(cells(0, bytes_.size()), bytes_) << n;
      }
    }
  }
}

// A bad cable must come to light, not make every board slow.
TEST_F(DfuseWireTest, OneFaultAfterAnotherIsGivenUp) {
  ASSERT_TRUE(run(program()));
  const std::uint64_t transfers = transfers_;
  for (const std::uint64_t first : {std::uint64_t{0}, transfers / 2, transfers - 1}) {
    const Status status = run({first, kNever, Code::kTransfer, false}, program());
    EXPECT_TRUE(status.failed_with(Code::kTransfer)) << first;
    EXPECT_NE(words(status).find("the cable was touched"), std::string::npos) << words(status);
    EXPECT_LE(transfers_, first + 10) << first;
    EXPECT_LE(resets_, 4);
  }
}

// Nothing is tried again on a board that has gone, or that says no.
TEST_F(DfuseWireTest, OnlyFaultsOfTheBusAreTriedAgain) {
  ASSERT_TRUE(run(program()));
  const std::uint64_t middle = transfers_ / 2;
  for (const Code code : {Code::kUnplugged, Code::kDevice, Code::kCancelled}) {
    EXPECT_TRUE(run({middle, 1, code, false}, program()).failed_with(code)) << name(code);
    EXPECT_EQ(transfers_, middle + 1) << name(code);
    EXPECT_EQ(resets_, 0);
  }
}

// Stopped anywhere, it comes back with kCancelled, and the next attempt finds the board usable.
TEST_F(DfuseWireTest, CancelledAnywhereTheBoardCanBeUsedAgain) {
  ASSERT_TRUE(run(program()));
  const Instant began = world_.loop.now();
  ASSERT_TRUE(run(program()));
  const Duration whole = world_.loop.now() - began;
  constexpr int kMoments = 40;
  for (int moment = 0; moment < kMoments; ++moment) {
    Status outcome;
    const auto keep = [&]() -> Task<> { outcome = co_await on_wire({}, program()); };
    const auto body = [&]() -> Task<> {
      Scope scope(world_.loop, "attempt");
      scope.spawn("attempt", keep());
      (void)co_await sleep_for(whole * moment / kMoments);
      scope.cancel();
      co_await scope.join();
    };
    world_.loop.run(body());
    EXPECT_TRUE(outcome.failed_with(Code::kCancelled)) << moment << ": " << words(outcome);
    EXPECT_EQ(bus_.bytes_in_flight(), 0U);
    const Status again = run(program());
    EXPECT_TRUE(again) << moment << ": " << words(again);
  }
}

// What is only a device: a keyboard, or a board whose application runs.
TEST_F(DfuseWireTest, ADeviceWithoutDfuseIsRefusedInWords) {
  EXPECT_FALSE(DfuseWire::is_spoken({}));
  EXPECT_FALSE(DfuseWire::is_spoken(ByteVector{9, 2, 9, 0, 0, 1, 0, 0x80, 50}));
  EXPECT_FALSE(DfuseWire::is_spoken(ByteVector(64, 0xff)));
}

}  // namespace
}  // namespace gangd
