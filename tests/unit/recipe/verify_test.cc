// What a verdict is made of, by the product's word, and what an attempt says of the work that it
// was spared.
#include <gtest/gtest.h>

#include <map>

#include "recipe/recipe.h"
#include "target_fw/xfp.h"
#include "tests/sim/sim_bus.h"
#include "tests/unit/loop/simulated.h"
#include "tests/unit/wire/bos.h"

namespace gangd {
namespace {

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::size_t kBlock = 65'536;
constexpr std::size_t kImageBytes = 3 * kBlock + 1000;

class KnownUnit final : public UnitRecord {
 public:
  Task<Result<BegunUnit>> begin(std::string) override {
    co_return BegunUnit{"", cells, Nonce{1, 2, 3}};
  }
  void progress(std::string_view step, std::uint64_t done, std::uint64_t total) override {
    EXPECT_LE(done, total) << step;
    if (step == "verify") verified = done;
  }
  Cells cells = Cells::kUnknown;
  std::uint64_t verified = 0;
};

// Counts what is asked of the board, by op.
class CountingConnection final : public UsbConnection {
 public:
  explicit CountingConnection(std::unique_ptr<UsbConnection> inner) : inner_(std::move(inner)) {}
  const UsbDevice& device() const override { return inner_->device(); }
  const ByteVector& configuration() const override { return inner_->configuration(); }
  Task<Status> claim(std::uint8_t interface) override { return inner_->claim(interface); }
  Task<Status> select(std::uint8_t interface, std::uint8_t alternate) override {
    return inner_->select(interface, alternate);
  }
  Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) override {
    if (asks_for_bos(request) && !bos.empty()) co_return first_of(bos, bytes_max);
    co_return co_await inner_->control_in(request, bytes_max);
  }
  Task<Status> control_out(UsbRequest request, ByteVector bytes) override {
    return inner_->control_out(request, std::move(bytes));
  }
  Task<Result<ByteVector>> bulk_in(std::uint8_t endpoint, std::size_t bytes_max) override {
    return inner_->bulk_in(endpoint, bytes_max);
  }
  Task<Status> bulk_out(std::uint8_t endpoint, ByteVector bytes) override {
    ++asked[bytes[XFP_AT_OP]];
    return inner_->bulk_out(endpoint, std::move(bytes));
  }
  Task<Status> clear_halt(std::uint8_t endpoint) override { return inner_->clear_halt(endpoint); }
  Task<Status> reset() override { return inner_->reset(); }

  std::map<std::uint8_t, int> asked;
  ByteVector bos;  // what it says instead of its own

 private:
  const std::unique_ptr<UsbConnection> inner_;
};

class VerifyTest : public testing::Test {
 protected:
  explicit VerifyTest(std::uint32_t boot_hz = 100'000'000) {
    model::VirtualBoard::Options options;
    options.part = "MX66UW1G45G";
    options.boot_hz = boot_hz;
    board_ = &bus_.add_board(place_, options);
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<std::uint8_t>(i * 7 + (i >> 8));
    }
    bus_.plug(place_);
  }

  Attempt run(const std::string& verify = "device", const std::string& as = "programmed") {
    const std::string text = fmt::format(R"(
name = "tone"
verify = "{}"
verify_as = "{}"
[usb]
vendor = 0x1209
product = 1
[[image]]
file = "tone.bin"
address = 0x90000000
)",
                                         verify, as);
    const auto recipe = Recipe::make(*parse_product(text, "tone.toml"),
                                     *Image::make({{"tone.bin", kFlash, bytes_}}), *worker_);
    return world_.loop.run(attempt(**recipe));
  }
  Task<Attempt> attempt(const Recipe& recipe) {
    while (bus_.devices().empty()) (void)co_await bus_.changed(bus_.revision());
    CountingConnection connection(*co_await bus_.open(bus_.devices().front().arrival));
    connection.bos = bos_;
    Attempt outcome = co_await recipe.run(connection, unit_);
    asked_ = connection.asked;
    co_return outcome;
  }
  bool holds() const {
    ByteVector found(bytes_.size());
    board_->chip().peek(0, found);
    return found == bytes_;
  }

  Simulated world_;
  const std::unique_ptr<Workers> worker_ = world_.port.start_workers("products", 1);
  sim::SimBus bus_{world_.port, 1};
  const UsbPath place_{"0000:00:14.0", {1}};
  model::VirtualBoard* board_ = nullptr;
  ByteVector bytes_ = ByteVector(kImageBytes);
  KnownUnit unit_;
  std::map<std::uint8_t, int> asked_;
  ByteVector bos_;  // none: the board's own
};

TEST_F(VerifyTest, ByTheDeviceNothingIsReadBack) {
  const Attempt attempt = run("device");
  EXPECT_EQ(attempt.verdict, Verdict::kPass);
  EXPECT_EQ(attempt.proof, "device");
  EXPECT_TRUE(attempt.loader);
  EXPECT_EQ(asked_[XFP_HASH], 1);
  EXPECT_EQ(asked_[XFP_READ], 0);
  EXPECT_EQ(unit_.verified, kImageBytes);
}

TEST_F(VerifyTest, ByReadingBackTheDeviceIsNotAsked) {
  const Attempt attempt = run("readback");
  EXPECT_EQ(attempt.verdict, Verdict::kPass);
  EXPECT_EQ(attempt.proof, "readback");
  EXPECT_FALSE(attempt.loader);
  EXPECT_EQ(asked_[XFP_HASH], 0);
  EXPECT_GT(asked_[XFP_READ], 10);
  EXPECT_EQ(unit_.verified, kImageBytes);
}

TEST_F(VerifyTest, ByBothBothAreDone) {
  const Attempt attempt = run("both");
  EXPECT_EQ(attempt.verdict, Verdict::kPass);
  EXPECT_EQ(attempt.proof, "both");
  EXPECT_TRUE(attempt.loader);
  EXPECT_EQ(asked_[XFP_HASH], 1);
  EXPECT_GT(asked_[XFP_READ], 10);
  EXPECT_EQ(unit_.verified, 2 * kImageBytes);
}

// What breaks: a board whose loader says that it has no hash gets a FAIL for what it never
// promised.
TEST_F(VerifyTest, WhereTheDeviceCannotItIsReadBack) {
  bos_ = bos_descriptor(XFP_INTERFACE_PROTOCOL, XFP_FEATURES & ~XFP_FEATURE_HASH);
  const Attempt attempt = run("best");
  EXPECT_EQ(attempt.verdict, Verdict::kPass);
  EXPECT_EQ(attempt.proof, "readback");
  EXPECT_EQ(asked_[XFP_HASH], 0);
  EXPECT_GT(asked_[XFP_READ], 10);
  bos_.clear();
  EXPECT_EQ(run("best").proof, "device");
}

TEST_F(VerifyTest, WhoWantsTheDevicesWordIsToldBeforeAnythingIsChanged) {
  bos_ = bos_descriptor(XFP_INTERFACE_PROTOCOL, XFP_FEATURES & ~XFP_FEATURE_HASH);
  for (const char* verify : {"device", "both"}) {
    const Attempt attempt = run(verify);
    EXPECT_EQ(attempt.verdict, Verdict::kFail);
    EXPECT_EQ(attempt.step, "identify");
    EXPECT_EQ(attempt.error->code(), Code::kUnsupported);
    EXPECT_NE(attempt.error->message().find("this board cannot hash what it holds"),
              std::string::npos)
        << attempt.error->message();
  }
  EXPECT_EQ(board_->chip().operations(), 0U);
}

TEST_F(VerifyTest, WithoutDigestsNothingIsCompared) {
  ASSERT_EQ(run().verdict, Verdict::kPass);
  unit_.cells = Cells::kSound;
  bos_ = bos_descriptor(XFP_INTERFACE_PROTOCOL, XFP_FEATURES & ~XFP_FEATURE_DIGESTS);
  const Attempt again = run();
  EXPECT_EQ(again.verdict, Verdict::kPass);
  EXPECT_EQ(again.bytes_found_same, 0U);
  EXPECT_EQ(asked_[XFP_DIGESTS], 0);
}

// DFU means the same in all of them.
TEST_F(VerifyTest, OfAnotherVersionOfXfpItIsProgrammedByDfu) {
  bos_ = bos_descriptor(2);
  const Attempt attempt = run("best");
  EXPECT_EQ(attempt.verdict, Verdict::kPass) << attempt.error->message();
  EXPECT_EQ(attempt.proof, "readback");
  EXPECT_TRUE(asked_.empty());
  EXPECT_TRUE(holds());
}

// A bit that reads either way: where the two differ, neither counts.
TEST_F(VerifyTest, WhereTheTwoDifferItIsNoPass) {
  board_->chip().weaken_bit(5000, 1);
  int differed = 0;
  for (int i = 0; i < 30; ++i) {
    const Attempt attempt = run("both");
    if (attempt.verdict == Verdict::kPass) continue;
    EXPECT_EQ(attempt.error->code(), Code::kMismatch);
    differed +=
        attempt.error->message().find("measures something else than it sends") != std::string::npos;
  }
  EXPECT_GT(differed, 0);
}

TEST_F(VerifyTest, EachWayFindsAWrongByte) {
  for (const char* verify : {"device", "readback", "both"}) {
    SCOPED_TRACE(verify);
    board_->chip().poke(0, ByteVector(kImageBytes, 0x00));
    // The third page that is written is a lie.
    board_->chip().skip_operation(20);
    const Attempt attempt = run(verify);
    EXPECT_EQ(attempt.verdict, Verdict::kFail);
    EXPECT_EQ(attempt.step, "verify");
    ASSERT_EQ(attempt.measured.size(), 1U);
    EXPECT_NE(attempt.measured[0].digest, sha256(bytes_));
  }
}

TEST_F(VerifyTest, AsBootedItIsMeasuredOnceMore) {
  for (const char* verify : {"device", "both"}) {
    SCOPED_TRACE(verify);
    const Attempt attempt = run(verify, "booted");
    EXPECT_EQ(attempt.verdict, Verdict::kPass);
    EXPECT_EQ(asked_[XFP_HASH], 2);
    EXPECT_EQ(attempt.measured_as_booted, attempt.measured);
    EXPECT_EQ(unit_.verified, (attempt.proof == "both" ? 3 : 2) * kImageBytes);
  }
  EXPECT_TRUE(run().measured_as_booted.empty());
}

// Lines that manage the clock of programming, and not that of the application.
TEST_F(VerifyTest, LinesThatAreTooSlowForTheApplicationAreNoPass) {
  board_->chip().garble_reads_above(60'000'000);
  EXPECT_EQ(run("device", "programmed").verdict, Verdict::kPass);
  const Attempt attempt = run("device", "booted");
  EXPECT_EQ(attempt.verdict, Verdict::kFail);
  EXPECT_EQ(attempt.step, "verify");
  EXPECT_EQ(attempt.error->code(), Code::kMismatch);
  EXPECT_NE(attempt.error->message().find("tone.bin: it was written well"), std::string::npos)
      << attempt.error->message();
  ASSERT_EQ(attempt.measured.size(), 1U);
  EXPECT_EQ(attempt.measured[0].digest, sha256(bytes_));
  ASSERT_EQ(attempt.measured_as_booted.size(), 1U);
  EXPECT_NE(attempt.measured_as_booted[0].digest, sha256(bytes_));
}

class NothingBootsTest : public VerifyTest {
 protected:
  NothingBootsTest() : VerifyTest(0) {}
};

TEST_F(NothingBootsTest, IsFoundBeforeAnythingIsChanged) {
  const Attempt attempt = run("device", "booted");
  EXPECT_EQ(attempt.verdict, Verdict::kFail);
  EXPECT_EQ(attempt.step, "identify");
  EXPECT_EQ(attempt.error->code(), Code::kUnsupported);
  EXPECT_EQ(board_->chip().operations(), 0U);
}

TEST_F(VerifyTest, WhatIsThereIsCountedAndNotWritten) {
  EXPECT_EQ(run().bytes_found_same, 0U);
  unit_.cells = Cells::kSound;
  const std::uint64_t before = board_->chip().operations();
  const Attempt again = run();
  EXPECT_EQ(again.verdict, Verdict::kPass);
  EXPECT_EQ(again.bytes_found_same, kImageBytes);
  EXPECT_EQ(again.bytes_found_blank, 0U);
  EXPECT_EQ(board_->chip().operations(), before);
  EXPECT_EQ(asked_[XFP_ERASE] + asked_[XFP_WRITE], 0);
  EXPECT_EQ(asked_[XFP_HASH], 1);
}

TEST_F(VerifyTest, OneByteThatDiffersCostsItsBlock) {
  ASSERT_EQ(run().verdict, Verdict::kPass);
  unit_.cells = Cells::kSound;
  bytes_[kBlock + 77] ^= 1;
  const std::uint64_t before = board_->chip().operations();
  const Attempt rework = run();
  EXPECT_EQ(rework.verdict, Verdict::kPass);
  EXPECT_TRUE(holds());
  EXPECT_EQ(rework.bytes_found_same, kImageBytes - kBlock);
  EXPECT_EQ(board_->chip().operations() - before, 1 + kBlock / 256);
}

// Digests of cells that may not hold would be right today.
TEST_F(VerifyTest, OnUnknownCellsDigestsAreNotAskedFor) {
  ASSERT_EQ(run().verdict, Verdict::kPass);
  const std::uint64_t before = board_->chip().operations();
  const Attempt again = run();
  EXPECT_EQ(again.verdict, Verdict::kPass);
  EXPECT_EQ(again.bytes_found_same, 0U);
  EXPECT_EQ(again.bytes_found_blank, 0U);
  EXPECT_EQ(asked_[XFP_DIGESTS], 0);
  EXPECT_GT(board_->chip().operations() - before, kImageBytes / 256);
}

TEST_F(VerifyTest, WhatIsBlankIsCountedAndNotErased) {
  unit_.cells = Cells::kFresh;
  const std::uint64_t before = board_->chip().operations();
  const Attempt fresh = run();
  EXPECT_EQ(fresh.verdict, Verdict::kPass);
  EXPECT_EQ(fresh.bytes_found_blank, 3 * kBlock + 4096);
  EXPECT_EQ(board_->chip().operations() - before, (kImageBytes + 255) / 256);
}

}  // namespace
}  // namespace gangd
