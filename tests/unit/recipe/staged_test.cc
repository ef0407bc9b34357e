// A board that starts in its ROM is followed through two re-enumerations. If gangd takes another
// board, or another program, for it there, it writes into the wrong one, or believes a stranger.
#include <gtest/gtest.h>

#include <chrono>

#include "loop/scope.h"
#include "loop/sleep.h"
#include "recipe/board_place.h"
#include "recipe/recipe.h"
#include "tests/sim/sim_bus.h"
#include "tests/sim/staged_product.h"
#include "tests/unit/loop/simulated.h"
#include "wire/ram_start.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;
using model::RomBug;
using model::StartFault;

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::string_view kProduct = R"(
name = "staged"
minutes_max = 2
[usb]
vendor = 0x1209
product = 1
[[image]]
file = "tone.bin"
address = 0x90000000
)";

class NotedRecord final : public UnitRecord {
 public:
  Task<Result<BegunUnit>> begin(std::string uid) override {
    uids.push_back(uid);
    if (refuses) co_return Error(Code::kIo, "the ledger is full");
    co_return BegunUnit{"", Cells::kUnknown, Nonce{1, 2, 3}};
  }
  void progress(std::string_view step, std::uint64_t done, std::uint64_t total) override {
    EXPECT_LE(done, total);
    if (steps.empty() || steps.back() != step) steps.emplace_back(step);
  }
  bool refuses = false;
  std::vector<std::string> uids;
  std::vector<std::string> steps;
};

class StagedTest : public testing::Test {
 protected:
  void add_board(bool second_port = false, std::set<RomBug> bugs = {}) {
    model::VirtualBoard::Options options;
    options.part = "MX25R6435F";
    options.uid = {0xab, 1};
    sim::make_staged(options, second_port);
    options.stages->rom.bugs = std::move(bugs);
    board_ = &bus_.add_board(kPlace, options, second_port ? std::optional(kSecond) : std::nullopt);
    bus_.plug(kPlace);
  }
  std::unique_ptr<Recipe> recipe(const std::string& more = sim::staged_tables()) {
    auto product = parse_product(std::string(kProduct) + more, "staged.toml");
    EXPECT_TRUE(product) << (product ? "" : product.error().message());
    std::vector<ImagePart> parts = {sim::staged_boot_part()};
    parts.push_back({"tone.bin", kFlash, image_});
    auto made = Recipe::make(*std::move(product), *Image::make(std::move(parts)), *worker_,
                             sim::staged_loader());
    EXPECT_TRUE(made) << (made ? "" : made.error().message());
    return *std::move(made);
  }
  Task<Attempt> attempt(const Recipe& recipe) {
    while (place_.device() == nullptr) (void)co_await bus_.changed(bus_.revision());
    place_.begin(*place_.device());
    const auto connection = co_await bus_.open(place_.arrival());
    if (!connection) {
      Attempt pulled;
      pulled.verdict = Verdict::kFail;
      pulled.error = connection.error();
      co_return pulled;
    }
    co_return co_await recipe.run(**connection, record_, &place_);
  }
  Attempt run() {
    const auto made = recipe();
    return world_.loop.run(attempt(*made));
  }
  void expect_fail(const Attempt& attempt, std::string_view step, std::string_view words) {
    EXPECT_EQ(attempt.verdict, Verdict::kFail);
    EXPECT_EQ(attempt.step, step);
    ASSERT_TRUE(attempt.error);
    EXPECT_NE(attempt.error->message().find(words), std::string::npos) << attempt.error->message();
  }
  void expect_programmed() {
    ByteVector found(image_.size());
    board_->chip().peek(0, found);
    EXPECT_EQ(found, image_);
    const ByteVector boot = sim::staged_boot_image();
    EXPECT_EQ(
        board_->stages().flash().peek(sim::kBootAddress, static_cast<std::uint32_t>(boot.size())),
        boot);
    EXPECT_TRUE(board_->stages().flash().complaints().empty());
  }

  const UsbPath kPlace{"0000:00:14.0", {1}};
  const UsbPath kSecond{"0000:00:15.0", {1}};
  const UsbPath kElsewhere{"0000:00:16.0", {1}};
  Simulated world_;
  const std::unique_ptr<Workers> worker_ = world_.port.start_workers("products", 1);
  sim::SimBus bus_{world_.port, 1};
  model::VirtualBoard* board_ = nullptr;
  const ByteVector image_ = sim::program_for(kFlash, 9000);
  const std::set<UsbPath> all_ = {kPlace, kSecond};
  BoardPlace place_{bus_, {kPlace, kSecond}, all_};
  NotedRecord record_;
};

TEST_F(StagedTest, PassMeansThatBothMemoriesHoldAllAndTheApplicationRuns) {
  add_board();
  const Attempt attempt = run();
  EXPECT_EQ(attempt.verdict, Verdict::kPass) << (attempt.error ? attempt.error->message() : "");
  EXPECT_EQ(record_.steps,
            (std::vector<std::string>{"load", "identify", "erase", "write", "verify", "start"}));
  expect_programmed();
  EXPECT_EQ(attempt.measured.size(), 2U);
  EXPECT_EQ(attempt.loader, sha256(sim::staged_loader()));
  EXPECT_EQ(board_->stages().application(), sim::kBootAddress);
  ASSERT_NE(place_.device(), nullptr);
  EXPECT_EQ(place_.device()->product, sim::kApplicationProduct);
  EXPECT_EQ(place_.device()->arrival, place_.arrival()) << "the verdict is this board's";
}

TEST_F(StagedTest, TheLoaderMayComeBackAtASecondPort) {
  add_board(true);
  EXPECT_EQ(run().verdict, Verdict::kPass);
  expect_programmed();
  EXPECT_EQ(place_.device()->path, kSecond);
}

TEST_F(StagedTest, ABoardThatDoesNotComeBackFailsWithinItsTime) {
  add_board();
  board_->stages().set_start_fault(StartFault::kNeverBack);
  const Instant began = world_.loop.now();
  expect_fail(run(), "load", "did not come back as 1209:0001 in 10 s");
  EXPECT_LT(world_.loop.now() - began, 30s);
  EXPECT_TRUE(record_.uids.empty());
}

TEST_F(StagedTest, AnotherNonceIsAnotherStart) {
  for (const StartFault fault : {StartFault::kWrongNonce, StartFault::kNoNonce}) {
    if (board_ == nullptr) add_board();
    board_->stages().set_start_fault(fault);
    expect_fail(run(), "load", "nonce");
    EXPECT_TRUE(record_.uids.empty()) << "nothing in the board was changed";
    bus_.unplug(kPlace);
    bus_.plug(kPlace);
  }
  EXPECT_EQ(run().verdict, Verdict::kPass) << "with new power it is as new";
}

TEST_F(StagedTest, SomebodyElsesProgramIsNotBelieved) {
  add_board();
  board_->stages().set_start_fault(StartFault::kOtherProgram);
  expect_fail(run(), "verify", "is somebody else at work on it?");
}

TEST_F(StagedTest, ALoaderThatCrashesIsToldFromOneThatIsSlow) {
  add_board();
  board_->stages().set_start_fault(StartFault::kBackInRom);
  expect_fail(run(), "load", "came back in its ROM");
}

TEST_F(StagedTest, AtAPortThatIsNoSlotsItIsSeenAndNotTaken) {
  add_board();
  const auto made = recipe();
  const auto work = [&]() -> Task<Attempt> {
    while (place_.device() == nullptr) (void)co_await bus_.changed(bus_.revision());
    bus_.divert(kPlace, kElsewhere);
    co_return co_await attempt(*made);
  };
  expect_fail(world_.loop.run(work()), "load",
              "one has come at 0000:00:16.0/1, which is no slot's");
}

TEST_F(StagedTest, TheRamIsReadBackBeforeItIsStarted) {
  add_board(false, {RomBug::kSpoilsRam});
  expect_fail(run(), "load", "does not hold what was written");
}

TEST_F(StagedTest, ARomThatCannotStartAnythingIsNamed) {
  add_board(false, {RomBug::kNoGo});
  expect_fail(run(), "load", "has not left");
}

TEST_F(StagedTest, WhatRomsAreKnownToGetWrongDoesNoHarm) {
  add_board(false, {RomBug::kShortTimeouts, RomBug::kSilentLeave, RomBug::kCutsStrings,
                    RomBug::kSpoilsOddBlocks, RomBug::kNoMassErase, RomBug::kWrongFlashSize});
  const Attempt attempt = run();
  EXPECT_EQ(attempt.verdict, Verdict::kPass) << (attempt.error ? attempt.error->message() : "");
}

// The ledger was full, say. Its board is in the loader now, and no ROM can be asked any more.
TEST_F(StagedTest, AnAttemptThatCouldNotBeginGoesOnWithTheLoaderThatItStarted) {
  add_board();
  const auto made = recipe();
  record_.refuses = true;
  expect_fail(world_.loop.run(attempt(*made)), "identify", "the ledger is full");
  record_.refuses = false;
  const std::uint64_t arrival = place_.arrival();
  ASSERT_NE(place_.started(arrival), nullptr);
  EXPECT_EQ(world_.loop.run(attempt(*made)).verdict, Verdict::kPass);
  expect_programmed();
}

// Images that are no firmware: the board says so itself.
TEST_F(StagedTest, AnApplicationThatCannotStartIsNoPass) {
  add_board();
  std::string tables = sim::staged_tables();
  const std::string from = fmt::format("[start]\naddress = {}", sim::kBootAddress);
  tables.replace(tables.find(from), from.size(), "[start]\naddress = 0x08002000");
  const auto made = recipe(tables);
  expect_fail(world_.loop.run(attempt(*made)), "start", "errFIRMWARE");
  EXPECT_FALSE(board_->stages().application());
}

TEST_F(StagedTest, TheApplicationMustBeWhatItShouldBe) {
  add_board();
  std::string tables = sim::staged_tables();
  const std::string from = "product = 2\n";
  ASSERT_NE(tables.find(from), std::string::npos);
  tables.replace(tables.find(from), from.size(), "product = 3\n");
  const auto made = recipe(tables);
  expect_fail(world_.loop.run(attempt(*made)), "start", "its application is 1209:0003");
}

TEST_F(StagedTest, UnpluggedAtEachMomentItEndsInTimeAndPassesAfterwards) {
  add_board();
  const auto made = recipe();
  const auto whole = [&]() -> Task<Duration> {
    while (place_.device() == nullptr) (void)co_await bus_.changed(bus_.revision());
    const Instant began = world_.loop.now();
    EXPECT_EQ((co_await attempt(*made)).verdict, Verdict::kPass);
    co_return world_.loop.now() - began;
  };
  const Duration took = world_.loop.run(whole());
  constexpr int kMoments = 60;
  int fails = 0;
  for (int moment = 0; moment < kMoments; ++moment) {
    const auto cut = [&]() -> Task<Attempt> {
      bus_.unplug(kPlace);
      while (place_.device() != nullptr) (void)co_await bus_.changed(bus_.revision());
      bus_.plug(kPlace);
      while (place_.device() == nullptr) (void)co_await bus_.changed(bus_.revision());
      Scope hand(world_.loop, "hand");
      const auto pull = [this](Duration after) -> Task<> {
        (void)co_await sleep_for(after);
        bus_.unplug(kPlace);
      };
      hand.spawn("pull", pull(took * moment / kMoments));
      Attempt ended = co_await attempt(*made);
      co_await hand.join();
      co_return ended;
    };
    const Instant began = world_.loop.now();
    const Attempt ended = world_.loop.run(cut());
    EXPECT_LT(world_.loop.now() - began, 60s) << "moment " << moment;
    if (ended.verdict == Verdict::kPass) continue;
    ++fails;
    EXPECT_EQ(ended.verdict, Verdict::kFail);
  }
  EXPECT_GT(fails, kMoments * 2 / 3);
  bus_.unplug(kPlace);
  bus_.plug(kPlace);
  EXPECT_EQ(world_.loop.run(attempt(*made)).verdict, Verdict::kPass);
  expect_programmed();
}

}  // namespace
}  // namespace gangd
