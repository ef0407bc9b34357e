// A verdict is a promise to whoever gets the unit. On boards that run the real firmware, on chips
// that fail and lie.
#include "recipe/recipe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <set>

#include "base/crc32c.h"
#include "loop/deadline.h"
#include "loop/scope.h"
#include "loop/sleep.h"
#include "target_fw/xfp.h"
#include "tests/sim/sim_bus.h"
#include "tests/unit/loop/simulated.h"
#include "wire/wire.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFlash = 0x9000'0000;

Product product() {
  return *parse_product(R"(
name = "tone"
minutes_max = 2
[usb]
vendor = 0x1209
product = 1
[[image]]
file = "tone.bin"
address = 0x90000000
[serial]
pool = "tone"
prefix = "T"
digits = 3
address = 0x90010000
size = 8
)",
                        "tone.toml");
}

// Notes what it is told; gives one serial.
class NotedRecord final : public UnitRecord {
 public:
  Task<Result<BegunUnit>> begin(std::string uid) override {
    uids.push_back(uid);
    if (refuses) co_return Error(Code::kInvalid, "not this unit");
    co_return BegunUnit{"T007", cells, Nonce{1, 2, 3}};
  }
  void progress(std::string_view step, std::uint64_t done, std::uint64_t total) override {
    EXPECT_LE(done, total);
    if (steps.empty() || steps.back() != step) steps.emplace_back(step);
    last_done = done;
    last_total = total;
  }

  bool refuses = false;
  Cells cells = Cells::kUnknown;
  std::vector<std::string> uids;
  std::vector<std::string> steps;
  std::uint64_t last_done = 0;
  std::uint64_t last_total = 0;
};

class RecipeTest : public testing::Test {
 protected:
  RecipeTest() {
    model::VirtualBoard::Options options;
    options.part = "MX25R6435F";
    options.uid = {0xab, 1};
    board_ = &bus_.add_board(place_, options);
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::uint8_t>(i * 7);
    bus_.plug(place_);
  }

  Result<std::unique_ptr<Recipe>> make(Product of, std::uint32_t address = kFlash) {
    return Recipe::make(std::move(of), *Image::make({{"tone.bin", address, bytes_}}), *worker_);
  }

  // The firmware has found its flash chip, and the board is there.
  Task<> shown() {
    while (bus_.devices().empty()) (void)co_await bus_.changed(bus_.revision());
  }
  Task<Attempt> attempt(const Recipe& recipe) {
    co_await shown();
    const auto connection = co_await bus_.open(bus_.devices().front().arrival);
    co_return co_await recipe.run(**connection, record_);
  }
  Attempt run() {
    const auto recipe = make(product());
    return world_.loop.run(attempt(**recipe));
  }
  ByteVector cells(std::uint32_t address, std::size_t size) {
    ByteVector found(size);
    board_->chip().peek(address, found);
    return found;
  }

  Simulated world_;
  const std::unique_ptr<Workers> worker_ = world_.port.start_workers("products", 1);
  sim::SimBus bus_{world_.port, 1};
  const UsbPath place_{"0000:00:14.0", {1}};
  model::VirtualBoard* board_ = nullptr;
  ByteVector bytes_ = ByteVector(9000);
  NotedRecord record_;
};

TEST_F(RecipeTest, PassMeansThatTheChipHoldsEverything) {
  const Attempt attempt = run();
  EXPECT_EQ(attempt.verdict, Verdict::kPass);
  EXPECT_FALSE(attempt.error);
  ASSERT_EQ(attempt.measured.size(), 2U);
  EXPECT_EQ(attempt.measured[0].digest, sha256(bytes_));
  EXPECT_EQ(attempt.measured[1].digest, product().serial->extent("T007").digest);
  EXPECT_EQ(cells(0, bytes_.size()), bytes_);
  EXPECT_EQ(cells(0x10000, 8), product().serial->field("T007"));
  EXPECT_EQ(record_.uids, (std::vector<std::string>{"AB0100000000000000000000"}));
  EXPECT_EQ(record_.steps, (std::vector<std::string>{"identify", "erase", "write", "verify"}));
  EXPECT_EQ(record_.last_done, bytes_.size() + 8);
  EXPECT_EQ(record_.last_total, bytes_.size() + 8);
}

TEST_F(RecipeTest, OldContentIsErased) {
  board_->chip().poke(0, ByteVector(20'000, 0x00));
  EXPECT_EQ(run().verdict, Verdict::kPass);
}

// Most of the time of a new board goes into erasing what is blank.
TEST_F(RecipeTest, WhatIsBlankIsErasedOnlyWhereThatCannotBeBelieved) {
  const std::uint64_t before = board_->chip().operations();
  const Attempt forced = run();
  EXPECT_EQ(forced.bytes_found_blank, 0U);
  const std::uint64_t forced_operations = board_->chip().operations() - before;
  board_->chip().poke(0, ByteVector(0x20000, 0xff));

  record_.cells = Cells::kFresh;
  const Attempt trusted = run();
  EXPECT_EQ(trusted.verdict, Verdict::kPass);
  EXPECT_EQ(trusted.bytes_found_blank, 4 * 4096U) << "three blocks of the image, one of the serial";
  EXPECT_LT(board_->chip().operations() - before - forced_operations, forced_operations);
  // What is not blank is erased all the same.
  const Attempt again = run();
  EXPECT_EQ(again.verdict, Verdict::kPass);
  EXPECT_EQ(again.bytes_found_blank, 0U);
}

// The board reports success for something that it did not do, at each operation in turn.
TEST_F(RecipeTest, AChipThatLiesNeverPasses) {
  const std::uint64_t before = board_->chip().operations();
  ASSERT_EQ(run().verdict, Verdict::kPass);
  const std::uint64_t operations = board_->chip().operations() - before;
  int caught = 0;
  int warned = 0;  // before the end, by what the device read back while nothing else was to do
  for (std::uint64_t n = 0; n < operations; ++n) {
    board_->chip().poke(0, ByteVector(0x11000, 0xa5));
    board_->chip().skip_operation(n);
    const Attempt attempt = run();
    const bool holds =
        cells(0, bytes_.size()) == bytes_ && cells(0x10000, 8) == product().serial->field("T007");
    EXPECT_EQ(attempt.verdict == Verdict::kPass, holds) << n;
    caught += !holds;
    warned += attempt.step == "write";
  }
  EXPECT_GT(caught, 30);
  EXPECT_GT(warned, 3);
}

TEST_F(RecipeTest, AnOperationThatFailsIsNamed) {
  board_->chip().fail_operation(4);
  const Attempt attempt = run();
  EXPECT_EQ(attempt.verdict, Verdict::kFail);
  ASSERT_TRUE(attempt.error);
  EXPECT_EQ(attempt.error->code(), Code::kDevice);
  EXPECT_FALSE(attempt.step.empty());
  EXPECT_TRUE(attempt.measured.empty());
}

TEST_F(RecipeTest, AChipThatNeverEndsFailsInBoundedTime) {
  board_->chip().hang_operation(2);
  const Instant began = world_.loop.now();
  EXPECT_EQ(run().verdict, Verdict::kFail);
  EXPECT_LT(world_.loop.now() - began, 3min);
}

TEST_F(RecipeTest, ABoardThatAnswersNothingFailsInBoundedTime) {
  bus_.hang(place_, 0, true);
  EXPECT_EQ(run().verdict, Verdict::kFail);
  bus_.hang(place_, 0, false);
}

TEST_F(RecipeTest, AFewFaultsOfTheBusAreSurvived) {
  Scope hands(world_.loop, "hands");
  const auto shake = [this]() -> Task<> {
    for (int i = 0; i < 3; ++i) {
      (void)co_await sleep_for(500ms);
      bus_.halt(place_, 0);
    }
  };
  hands.spawn("shake", shake());
  const auto recipe = make(product());
  const auto both = [&]() -> Task<Attempt> {
    const Attempt outcome = co_await attempt(**recipe);
    co_await hands.join();
    co_return outcome;
  };
  const Attempt outcome = world_.loop.run(both());
  EXPECT_EQ(outcome.verdict, Verdict::kPass) << (outcome.error ? outcome.error->message() : "");
}

// Nobody saw its end, whenever it was: and the next attempt is not the worse for it.
TEST_F(RecipeTest, CancelledAnywhereItIsUnknown) {
  ASSERT_EQ(run().verdict, Verdict::kPass);
  const Instant began = world_.loop.now();
  ASSERT_EQ(run().verdict, Verdict::kPass);
  const Duration whole = world_.loop.now() - began;
  const auto recipe = make(product());
  constexpr int kMoments = 20;
  for (int moment = 0; moment < kMoments; ++moment) {
    std::optional<Attempt> outcome;
    const auto keep = [&]() -> Task<> { outcome = co_await attempt(**recipe); };
    const auto body = [&]() -> Task<> {
      Scope scope(world_.loop, "attempt");
      scope.spawn("attempt", keep());
      (void)co_await sleep_for(whole * moment / kMoments + 5ms);
      scope.cancel();
      co_await scope.join();
    };
    world_.loop.run(body());
    ASSERT_TRUE(outcome) << moment;
    EXPECT_EQ(outcome->verdict, Verdict::kUnknown) << moment;
    EXPECT_FALSE(outcome->step.empty()) << moment;
    EXPECT_EQ(run().verdict, Verdict::kPass) << moment;
  }
}

TEST_F(RecipeTest, WhatTheRecordRefusesIsNotTouched) {
  record_.refuses = true;
  const std::uint64_t before = board_->chip().operations();
  const Attempt attempt = run();
  EXPECT_EQ(attempt.verdict, Verdict::kFail);
  EXPECT_EQ(attempt.step, "identify");
  EXPECT_EQ(board_->chip().operations(), before);
}

TEST_F(RecipeTest, WhatDoesNotFitIsRefusedBeforeTheUnitIsRecorded) {
  const auto recipe = make(product(), 0xa000'0000);
  const Attempt outcome = world_.loop.run(attempt(**recipe));
  EXPECT_EQ(outcome.verdict, Verdict::kFail);
  EXPECT_NE(outcome.error->message().find("does not fit into the board's memories"),
            std::string::npos);
  EXPECT_TRUE(record_.uids.empty());
}

TEST_F(RecipeTest, StepsThatProveNothingAreRefused) {
  Product of = product();
  of.steps = {"identify", "write"};
  EXPECT_TRUE(make(of).failed_with(Code::kInvalid));
  of.steps = {"erase", "verify"};
  EXPECT_TRUE(make(of).failed_with(Code::kInvalid));
  of.steps = {};
  EXPECT_TRUE(make(of).failed_with(Code::kInvalid));
  of.steps = {"identify", "verfy"};
  EXPECT_NE(make(of).error().message().find("did you mean \"verify\""), std::string::npos);
  of = product();
  of.serial->address = kFlash + 8992;
  EXPECT_TRUE(make(of).failed_with(Code::kInvalid));
}

// A device that says it is a board and answers whatever comes to its mind.
class Rubbish final : public UsbConnection {
 public:
  Rubbish(std::uint64_t seed, ByteVector configuration)
      : dice_(seed), configuration_(std::move(configuration)) {
    // One in two speaks DfuSe only.
    constexpr std::size_t kXfpBytes = 9 + 7 + 7;
    if (dice_.chance(500)) configuration_.resize(configuration_.size() - kXfpBytes);
    // Sometimes not even that is one.
    for (std::uint64_t i = dice_.below(4); i > 1; --i) {
      configuration_[dice_.below(configuration_.size())] = byte();
    }
  }

  const UsbDevice& device() const override { return device_; }
  const ByteVector& configuration() const override { return configuration_; }
  Task<Status> claim(std::uint8_t) override { co_return Status(); }
  Task<Status> select(std::uint8_t, std::uint8_t) override { return refuse_now_and_then(); }
  Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) override {
    CO_TRY_STATUS(co_await refuse_now_and_then());
    if (dice_.chance(600)) co_return likely(request, bytes_max);
    ByteVector bytes(dice_.below(bytes_max + 1));
    for (std::uint8_t& each : bytes) each = byte();
    co_return bytes;
  }
  Task<Status> control_out(UsbRequest, ByteVector) override { return refuse_now_and_then(); }
  Task<Result<ByteVector>> bulk_in(std::uint8_t, std::size_t) override {
    CO_TRY_STATUS(co_await refuse_now_and_then());
    ByteVector frame = likely_frame();
    if (dice_.chance(30) && !frame.empty()) frame[dice_.below(frame.size())] = byte();
    if (dice_.chance(10)) frame.resize(dice_.below(frame.size() + 1));
    co_return frame;
  }
  Task<Status> bulk_out(std::uint8_t, ByteVector bytes) override {
    requests_.push_back(std::move(bytes));
    return refuse_now_and_then();
  }
  Task<Status> clear_halt(std::uint8_t) override { return refuse_now_and_then(); }
  Task<Status> reset() override { return refuse_now_and_then(); }

 private:
  std::uint8_t byte() { return static_cast<std::uint8_t>(dice_.below(256)); }
  Task<Status> refuse_now_and_then() {
    CO_TRY_STATUS(co_await sleep_for(1ms));
    if (dice_.chance(30)) co_return Error(Code::kStalled, "stalled");
    co_return Status();
  }
  // What leads deeper into the host: a descriptor, a serial number, a layout, a status.
  ByteVector likely(UsbRequest request, std::size_t bytes_max) {
    ByteVector bytes;
    if (request.type == 0x80 && request.value == 0x0100) {
      bytes = ByteVector(18, 3);
    } else if (request.type == 0x80) {
      const std::string text = (request.value & 0xff) == 3 ? "AB0100000000000000000000"
                                                           : "@Flash /0x90000000/2048*064Kg";
      bytes = {static_cast<std::uint8_t>(2 * text.size() + 2), 3};
      for (const char each : text) bytes.insert(bytes.end(), {static_cast<std::uint8_t>(each), 0});
    } else if (request.request == 3) {
      bytes = {0, static_cast<std::uint8_t>(dice_.below(3)),  0,
               0, static_cast<std::uint8_t>(dice_.below(11)), 0};
    } else {
      bytes = ByteVector(bytes_max, byte());
    }
    bytes.resize(std::min(bytes.size(), bytes_max));
    return bytes;
  }

  // An answer to the oldest request, whose fields may say anything.
  ByteVector likely_frame() {
    if (requests_.empty()) return ByteVector(XFP_HEADER_SIZE, byte());
    ByteVector request = std::move(requests_.front());
    requests_.pop_front();
    request.resize(XFP_HEADER_SIZE);
    ByteWriter payload;
    if (request[XFP_AT_OP] == XFP_HELLO) {
      payload.u8(XFP_FIELD_UID)
          .u8(12)
          .fill(0xab, 12)
          .u8(XFP_FIELD_BUFFER)
          .u8(4)
          .u32_le(byte() * 512U);
      payload.u8(XFP_FIELD_FRAME).u8(4).u32_le(512U + byte());
      payload.u8(XFP_FIELD_REGION).u8(XFP_REGION_SIZE);
      payload.u32_le(kFlash).u32_le(1 << 23).u32_le(65536).u32_le(4096).u32_le(1).u32_le(1 << 23);
      payload.u32_le(1 << 20).u8(7);
    } else if (request[XFP_AT_OP] == XFP_STATUS) {
      payload.u8(static_cast<std::uint8_t>(dice_.below(5)));
      for (int i = 1; i < 16; ++i) payload.u8(byte());
      payload.u32_le(1).fill(byte(), 32);
    }
    request[XFP_AT_STATUS] = dice_.chance(950) ? 0 : byte();
    request[XFP_AT_SIZE] = static_cast<std::uint8_t>(payload.size());
    request[XFP_AT_SIZE + 1] = 0;
    ByteWriter frame;
    frame.bytes(request).bytes(payload.view());
    frame.patch_u32_le(XFP_AT_CRC, crc32c(frame.view().subspan(XFP_AT_SESSION)));
    return std::move(frame).take();
  }

  sim::Prng dice_;
  std::deque<ByteVector> requests_;
  UsbDevice device_;
  ByteVector configuration_;
};

TEST_F(RecipeTest, ABoardThatAnswersRubbishFailsWithAReason) {
  ASSERT_EQ(run().verdict, Verdict::kPass);
  const auto recipe = make(product());
  const ByteVector configuration = board_->configuration_descriptor();
  std::set<std::string> steps;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Rubbish rubbish(seed, configuration);
    const Instant began = world_.loop.now();
    const Attempt attempt = world_.loop.run((*recipe)->run(rubbish, record_));
    EXPECT_EQ(attempt.verdict, Verdict::kFail) << seed;
    ASSERT_TRUE(attempt.error) << seed;
    EXPECT_FALSE(attempt.error->message().empty()) << seed;
    EXPECT_LE(world_.loop.now() - began, 3min) << seed;
    steps.insert(attempt.step);
  }
  // It gets as far as it can.
  EXPECT_TRUE(steps.contains("identify") && steps.contains("erase")) << steps.size();
}

// A cell that reads either way: by chance it may be measured right, and only then is it PASS.
TEST_F(RecipeTest, AWeakBitPassesOnlyIfItWasMeasuredRight) {
  board_->chip().weaken_bit(100, 2);
  int failed = 0;
  for (int i = 0; i < 20; ++i) {
    const Attempt attempt = run();
    ASSERT_EQ(attempt.measured.size(), 2U) << i;
    EXPECT_EQ(attempt.verdict == Verdict::kPass, attempt.measured[0].digest == sha256(bytes_)) << i;
    EXPECT_EQ(attempt.measured[1].digest, product().serial->extent("T007").digest) << i;
    if (attempt.verdict == Verdict::kPass) continue;
    ++failed;
    EXPECT_EQ(attempt.error->code(), Code::kMismatch);
    EXPECT_EQ(attempt.error->message(),
              "verify: tone.bin: the memory holds something else than was written");
  }
  EXPECT_GT(failed, 0);
}

// A tester left it protected, and a pin holds that.
TEST_F(RecipeTest, AProtectedChipIsNoSilentPass) {
  world_.loop.run(shown());
  board_->chip().poke(0, ByteVector(20'000, 0x00));
  board_->chip().protect(true);
  board_->chip().hold_registers(true);
  const Attempt attempt = run();
  EXPECT_EQ(attempt.verdict == Verdict::kPass, cells(0, bytes_.size()) == bytes_);
  EXPECT_EQ(attempt.verdict == Verdict::kPass, !attempt.error);
}

// The unit's bytes belong to the first; a second would also put the attempt on record again.
TEST_F(RecipeTest, AUnitIsIdentifiedOnce) {
  Product of = product();
  of.steps = {"identify", "identify", "erase", "write", "verify"};
  const auto twice = make(of);
  ASSERT_TRUE(twice.failed_with(Code::kInvalid));
  EXPECT_EQ(twice.error().message(), "product \"tone\": the step \"identify\" is there twice");
}

// What is measured and then written again is not what was measured.
TEST_F(RecipeTest, OnlyTheLastMeasurementCounts) {
  Product of = product();
  of.steps = {"identify", "erase", "write", "verify", "erase", "verify"};
  const auto recipe = make(of);
  const Attempt outcome = world_.loop.run(attempt(**recipe));
  EXPECT_EQ(outcome.verdict, Verdict::kFail);
  EXPECT_EQ(outcome.step, "verify");
}

// Measuring a unit that was never written says so, and does not write.
TEST_F(RecipeTest, VerifyAloneMeasures) {
  Product of = product();
  of.steps = {"identify", "verify"};
  const auto recipe = make(of);
  const std::uint64_t before = board_->chip().operations();
  const Attempt outcome = world_.loop.run(attempt(**recipe));
  EXPECT_EQ(outcome.verdict, Verdict::kFail);
  EXPECT_EQ(outcome.measured.size(), 2U);
  EXPECT_EQ(board_->chip().operations(), before);
}

}  // namespace
}  // namespace gangd
