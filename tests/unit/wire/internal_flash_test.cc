// A chip's own flash has a checksum for each of its words. A loss of power leaves words whose
// checksum is wrong, which cannot be read at all: a board with such a word must not be lost to a
// host that looks before it erases. And a word takes one program after each erase, also where a
// host sends again what it had no answer for.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/block_digests.h"
#include "tests/sim/line_faults.h"
#include "tests/sim/sim_bus.h"
#include "tests/unit/loop/simulated.h"
#include "wire/xfp_wire.h"

namespace gangd {
namespace {

using model::InternalFlash;
using model::ResidentLoader;
using sim::LineFault;
using sim::LineFaults;
using Way = LineFaults::Way;

class InternalFlashTest : public testing::Test {
 protected:
  using Work = std::function<Task<Status>(XfpWire&)>;

  InternalFlashTest() {
    model::VirtualBoard::Options options;
    options.part = "MX25R6435F";
    options.resident.emplace();
    board_ = &bus_.add_board(place_, options);
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
    }
    bus_.plug(place_);
  }
  void break_a_word() {
    flash().poke(kAddress, bytes_);
    flash().break_word(kAddress + 1024);
  }

  InternalFlash& flash() { return board_->resident().flash(); }
  Status run(Work work) { return world_.loop.run(on_wire(std::move(work))); }
  Task<Status> on_wire(Work work) {
    while (bus_.devices().empty()) CO_TRY_STATUS(co_await bus_.changed(bus_.revision()));
    CO_TRY(auto inner, co_await bus_.open(bus_.devices().front().arrival));
    const auto connection = sim::on_bad_line(std::move(inner), line_);
    CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(*connection));
    co_return co_await work(static_cast<XfpWire&>(*wire));
  }
  static void nobody(std::uint64_t) {}
  static std::string words(const Status& status) { return status ? "" : status.error().message(); }

  static constexpr std::uint32_t kAddress = ResidentLoader::kOffered;
  static constexpr std::uint32_t kSize = ResidentLoader::kOfferedSize;

  Simulated world_;
  sim::SimBus bus_{world_.port, 1};
  const UsbPath place_{"0000:00:14.0", {1}};
  model::VirtualBoard* board_ = nullptr;
  LineFaults line_{[this](std::uint8_t endpoint) { bus_.halt(place_, endpoint); }};
  ByteVector bytes_ = ByteVector(kSize);
};

TEST_F(InternalFlashTest, ABrokenWordIsErasedByWhoeverLooksWhatIsBlank) {
  break_a_word();
  const Status status = run([this](XfpWire& wire) -> Task<Status> {
    CO_TRY_STATUS(co_await wire.erase(kAddress, kSize, Erase::kNotBlank, nobody));
    EXPECT_TRUE(flash().firm(kAddress, kSize));
    co_return co_await wire.write(kAddress, bytes_, nobody);
  });
  EXPECT_TRUE(status) << words(status);
  EXPECT_EQ(flash().peek(kAddress, kSize), bytes_);
}

TEST_F(InternalFlashTest, ABrokenWordIsAnotherContentAndNoHash) {
  break_a_word();
  const Status status = run([this](XfpWire& wire) -> Task<Status> {
    CO_TRY(const auto digests, co_await wire.digests(kAddress, kSize));
    EXPECT_EQ(digests.size(), 1U);
    EXPECT_NE(digests, block_digests(kAddress, bytes_));
    const auto proof = co_await wire.measure(kAddress, kSize, ReadAs::kProgrammed, Nonce{}, nobody);
    EXPECT_TRUE(proof.failed_with(Code::kDevice));
    if (!proof) EXPECT_NE(proof.error().message().find("errVERIFY"), std::string::npos);
    co_return Status();
  });
  EXPECT_TRUE(status) << words(status);
}

// The board had written it, and its answer was lost: the host does not know, and sends it again.
TEST_F(InternalFlashTest, NoWordIsProgrammedTwiceWhateverIsLost) {
  for (const Way way : {Way::kOut, Way::kIn}) {
    std::uint64_t planted = 0;
    for (std::uint64_t n = 0; n == planted; ++n) {
      SCOPED_TRACE(fmt::format("{} frame {}", way == Way::kOut ? "out" : "in", n));
      const Status status = run([&](XfpWire& wire) -> Task<Status> {
        CO_TRY_STATUS(co_await wire.erase(kAddress, kSize, Erase::kAll, nobody));
        line_.clear();
        line_.order({.fault = LineFault::kLost, .way = way, .first = n});
        co_return co_await wire.write(kAddress, bytes_, nobody);
      });
      planted += line_.frames(way) > n;
      EXPECT_TRUE(status) << words(status);
      EXPECT_EQ(flash().peek(kAddress, kSize), bytes_);
      EXPECT_EQ(flash().complaints(), std::vector<std::string>{});
    }
    EXPECT_GT(planted, 0U);
  }
}

}  // namespace
}  // namespace gangd
