// What the host does with a board whose line fails in the middle, and that it is quick.
#include "wire/xfp_wire.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/crc32c.h"
#include "loop/deadline.h"
#include "loop/sleep.h"
#include "target_fw/core/xfp_frames.h"
#include "tests/model/parts.h"
#include "tests/sim/line_faults.h"
#include "tests/sim/sim_bus.h"
#include "tests/unit/loop/simulated.h"
#include "wire/flash_times.h"

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
        [&] { line_.order({.fault = fault, .way = LineFaults::Way::kOut, .first = 8}); }));
    EXPECT_TRUE(status) << words(status);
    EXPECT_EQ(told_, bytes_.size());
    EXPECT_EQ(cells(), bytes_);
    EXPECT_GE(pages_programmed(), pages);
    // Frames that the device had and had not answered for.
    EXPECT_LE(pages_programmed(), pages + XFP_BUFFER / kPage);
    line_.clear();
  }
}

// What breaks: a transfer of the bus for each frame, of which each costs a station its time. Over a
// slow bus the zeros between frames would cost the board some.
TEST_F(XfpWireTest, FramesShareTransfersOfAFastBus) {
  model::VirtualBoard::Options options;
  options.part = "MX25R6435F";
  options.high_speed = false;
  const UsbPath slow{"0000:00:15.0", {1}};
  bus_.add_board(slow, options);
  const auto transfers = [this] {
    const std::uint64_t before = line_.frames(LineFaults::Way::kOut);
    const Status status = run(write_with([] {}));
    EXPECT_TRUE(status) << words(status);
    return line_.frames(LineFaults::Way::kOut) - before;
  };
  const std::uint64_t fast = transfers();
  EXPECT_EQ(cells(), bytes_);
  bus_.unplug(place_);
  bus_.plug(slow);
  EXPECT_LT(fast * 4, transfers() * 3);
}

// What breaks: an answer to each frame where the chip is faster than the bus, of which each costs a
// station as much as a frame.
TEST_F(XfpWireTest, AnAnswerIsOfSeveralFrames) {
  model::VirtualBoard::Options options;
  options.part = "MX66UW1G45G";
  options.high_speed = false;
  const UsbPath quick{"0000:00:15.0", {1}};
  board_ = &bus_.add_board(quick, options);
  bus_.unplug(place_);
  bus_.plug(quick);
  std::uint64_t frames = 0, answers = 0;
  const Status status = run(write_with([&] {
    frames = line_.frames(LineFaults::Way::kOut);
    answers = line_.frames(LineFaults::Way::kIn);
  }));
  EXPECT_TRUE(status) << words(status);
  EXPECT_EQ(cells(), bytes_);
  frames = line_.frames(LineFaults::Way::kOut) - frames;
  answers = line_.frames(LineFaults::Way::kIn) - answers;
  EXPECT_GE(frames, bytes_.size() / XFP_PAYLOAD_MAX);
  EXPECT_LT(answers * 5, frames * 2);
}

// A counter alone would go on behind cells that are blank again.
TEST_F(XfpWireTest, WhatIsGoneMeanwhileIsNoticed) {
  const Status status = run(write_with([&] {
    line_.order({.fault = LineFault::kLost, .way = LineFaults::Way::kOut, .first = 10});
    line_.at_moment(17, [this] { board_->chip().poke(5000, ByteVector(100, 0xff)); });
  }));
  ASSERT_TRUE(status.failed_with(Code::kDevice));
  EXPECT_NE(words(status).find("no longer holds what it had written"), std::string::npos)
      << words(status);
}

// What breaks: a board that is not to be had for minutes is taken for one with a bad cable.
TEST_F(XfpWireTest, AnEraseThatWasCutShortIsWaitedFor) {
  constexpr std::uint32_t kSize = 128u << 20;
  model::VirtualBoard::Options options;
  options.part = "MX66UW1G45G";
  const UsbPath large{"0000:00:15.0", {1}};
  board_ = &bus_.add_board(large, options);
  bus_.unplug(place_);
  bus_.plug(large);
  const auto nothing = [](std::uint64_t) {};
  const auto cut = [&](Wire& wire) -> Task<Status> {
    co_return co_await with_timeout(5s, wire.erase(kFlash, kSize, Erase::kAll, nothing));
  };
  const auto write = [&](Wire& wire) { return wire.write(kFlash, bytes_, nothing); };
  const auto read = [&](Wire& wire) -> Task<Status> {
    CO_TRY(const Sha256Digest digest, co_await wire.read_back(kFlash, bytes_.size(), nothing));
    EXPECT_EQ(digest, sha256(ByteVector(bytes_.size(), 0xff)));
    co_return Status();
  };
  const auto compare = [&](Wire& wire) -> Task<Status> {
    CO_TRY(const auto digests, co_await wire.digests(kFlash, bytes_.size()));
    co_return Status();
  };
  const std::vector<std::function<Task<Status>(Wire&)>> works = {read, compare, write};
  for (const auto& work : works) {
    ASSERT_TRUE(run(cut).failed_with(Code::kTimeout));
    const Instant begin = world_.loop.now();
    const Status status = run(work);
    EXPECT_TRUE(status) << words(status);
    EXPECT_GT(world_.loop.now() - begin, 1min) << "the erase was none of the whole chip";
  }
  EXPECT_EQ(cells(), bytes_);
}

// A part of four banks of 8 MiB: the image ends the first and begins the second.
class BankTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kBank = 8u << 20;
  static constexpr std::uint32_t kFirst = 512u << 10;  // bytes of the first bank
  static constexpr std::uint32_t kSecond = 1u << 20;
  static constexpr std::uint64_t kPages = (kFirst + kSecond) / kPage;

  BankTest() {
    model::VirtualBoard::Options options;
    options.part = "MX25UW25645G";
    options.cpu = "STM32H7S7";
    board_ = &bus_.add_board(place_, options);
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
    }
    bus_.plug(place_);
  }
  // Of the writing alone; the bad operation, if any, is the n-th page of it.
  Status write(std::optional<std::uint64_t> skipped) {
    const auto task = [](BankTest& test, std::optional<std::uint64_t> bad) -> Task<Status> {
      sim::SimBus& bus = test.bus_;
      while (bus.devices().empty()) CO_TRY_STATUS(co_await bus.changed(bus.revision()));
      CO_TRY(auto connection, co_await bus.open(bus.devices().front().arrival));
      CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(*connection));
      if (bad) test.board_->chip().skip_operation(*bad);
      const Instant begin = test.world_.loop.now();
      const Status status =
          co_await wire->write(kFlash + kBank - kFirst, test.bytes_, [](std::uint64_t) {});
      test.took_ = test.world_.loop.now() - begin;
      co_return status;
    };
    return world_.loop.run(task(*this, skipped));
  }

  Simulated world_;
  sim::SimBus bus_{world_.port, 1};
  const UsbPath place_{"0000:00:14.0", {1}};
  model::VirtualBoard* board_ = nullptr;
  ByteVector bytes_ = ByteVector(kFirst + kSecond);
  Duration took_{};
};

// What breaks: a fault in the first bank that only the hash of the whole would find, minutes later.
TEST_F(BankTest, OneIsLookedAtWhileTheNextIsWritten) {
  const Status status = write(100);
  ASSERT_TRUE(status.failed_with(Code::kMismatch));
  EXPECT_NE(status.error().message().find("0x90780000: the memory holds something else"),
            std::string::npos)
      << status.error().message();
  EXPECT_LT(board_->chip().operations(), kPages);
  EXPECT_EQ(board_->chip().complaints(), std::vector<std::string>{});
}

// The pages of the second bank would wait for what is read of the first.
TEST_F(BankTest, ThatCostsTheWritingNothing) {
  ASSERT_TRUE(write({}));
  const Duration pages = kPages * model::find_part("MX25UW25645G")->times.page_program.typical;
  EXPECT_LT(took_, pages * 21 / 20);
  EXPECT_EQ(board_->chip().complaints(), std::vector<std::string>{});
}

// What breaks: an end that is noticed when the next look happens to come, up to 20 ms late: a byte
// more to hash would then cost nothing or all of that.
TEST(XfpJob, IsAskedForWhenItShouldBeDone) {
  Simulated world;
  sim::SimBus bus(world.port, 1);
  const UsbPath place("0000:00:14.0", {1});
  model::VirtualBoard::Options options;
  options.part = "MX25R6435F";
  options.cpu = "STM32L496";
  bus.add_board(place, options);
  bus.plug(place);
  constexpr std::size_t kStep = 20'000;
  std::vector<Duration> took;
  const auto hash_more_and_more = [&](std::size_t steps) -> Task<Status> {
    while (bus.devices().empty()) CO_TRY_STATUS(co_await bus.changed(bus.revision()));
    CO_TRY(auto connection, co_await bus.open(bus.devices().front().arrival));
    CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(*connection));
    for (std::size_t i = 0; i < steps; ++i) {
      const Instant begin = world.loop.now();
      CO_TRY(const DeviceProof proof,
             co_await wire->measure(kFlash, 200'000 + i * kStep, ReadAs::kProgrammed, Nonce{},
                                    [](std::uint64_t) {}));
      EXPECT_NE(proof.digest, proof.loader);
      took.push_back(world.loop.now() - begin);
    }
    co_return Status();
  };
  ASSERT_TRUE(world.loop.run(hash_more_and_more(10)));
  const Duration step = (took.back() - took.front()) / 9;
  for (std::size_t i = 1; i < took.size(); ++i) {
    EXPECT_LT(std::chrono::abs(took[i] - took[i - 1] - step), 3ms) << i;
  }
}

// Two megabytes of fills are 64 KiB of frames, and go on for longer than any fixed limit.
TEST_F(XfpWireTest, AChipThatTakesItsMaximumIsNotCutOff) {
  bytes_ = ByteVector(3 << 20, 0x42);
  board_->chip().be_slow(true);
  const Status status = run(write_with([] {}));
  EXPECT_TRUE(status) << words(status);
  EXPECT_EQ(cells(), bytes_);
  EXPECT_EQ(told_, bytes_.size());
}

// A program that was refused leaves answers on their way.
TEST_F(XfpWireTest, TheBoardTellsHowItsFlashBehaved) {
  const auto work = [this](Wire& wire) -> Task<Status> {
    const auto nothing = [](std::uint64_t) {};
    CO_TRY_STATUS(co_await wire.erase(kFlash, bytes_.size(), Erase::kAll, nothing));
    CO_TRY_STATUS(co_await wire.write(kFlash, bytes_, nothing));
    board_->chip().fail_operation(0);
    EXPECT_FALSE(co_await wire.write(kFlash + (1 << 20), bytes_, nothing));
    CO_TRY(const std::vector<std::string> words, co_await wire.flash_words());
    EXPECT_EQ(words.size(), 1U);
    const std::string told = words.empty() ? "" : words[0];
    EXPECT_TRUE(told.starts_with("flash at 0x90000000; 1563 programs of up to 256 bytes, half of"))
        << told;
    EXPECT_NE(told.find("erases of 64 KiB, half of them in less than"), std::string::npos) << told;
    EXPECT_NE(told.find("most of programming in the 64 KiB at 0x90"), std::string::npos) << told;
    co_return Status();
  };
  const Status status = run(work);
  EXPECT_TRUE(status) << words(status);
}

// Bytes from a board are never believed.
TEST(FlashTimes, ThatNobodyKnowsAreRefused) {
  ByteWriter trace;
  trace.u32_le(1).u32_le(2736).fill(0xff, 2728);
  const ByteVector all = std::move(trace).take();
  EXPECT_TRUE(flash_times(kFlash, all));
  EXPECT_TRUE(flash_times(kFlash, ByteView(all).first(2735)).failed_with(Code::kDevice));
  EXPECT_TRUE(flash_times(kFlash, {}).failed_with(Code::kDevice));
  ByteVector other = all;
  other[0] = 2;
  EXPECT_TRUE(flash_times(kFlash, other).failed_with(Code::kDevice));
}

// What breaks: a board of a kind that nobody has qualified passes for another.
TEST_F(XfpWireTest, TheBoardTellsItsKind) {
  EXPECT_TRUE(run([](Wire& wire) -> Task<Status> {
    const BoardKind kind = {.chip = 0x10000fff,
                            .board = "virtual",
                            .flashes = {{.address = kFlash, .jedec_id = {0xc2, 0x28, 0x17}}}};
    EXPECT_EQ(wire.kind(), kind);
    co_return Status();
  }));
}

}  // namespace
}  // namespace gangd
