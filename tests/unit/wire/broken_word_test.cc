// A loss of power leaves words in a chip's own flash whose checksum is wrong: they cannot be read
// at all. A board with such a word must not be lost to a host that looks before it erases.
#include <gtest/gtest.h>

#include <functional>

#include "base/block_digests.h"
#include "tests/sim/sim_bus.h"
#include "tests/unit/loop/simulated.h"
#include "wire/xfp_wire.h"

namespace gangd {
namespace {

using model::InternalFlash;
using model::ResidentLoader;

class BrokenWordTest : public testing::Test {
 protected:
  using Work = std::function<Task<Status>(XfpWire&)>;

  BrokenWordTest() {
    model::VirtualBoard::Options options;
    options.part = "MX25R6435F";
    options.resident.emplace();
    board_ = &bus_.add_board(place_, options);
    flash().poke(kAddress, bytes_);
    flash().break_word(kAddress + 1024);
    bus_.plug(place_);
  }

  InternalFlash& flash() { return board_->resident().flash(); }
  Status run(Work work) { return world_.loop.run(on_wire(std::move(work))); }
  Task<Status> on_wire(Work work) {
    while (bus_.devices().empty()) CO_TRY_STATUS(co_await bus_.changed(bus_.revision()));
    CO_TRY(const auto connection, co_await bus_.open(bus_.devices().front().arrival));
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
  const ByteVector bytes_ = ByteVector(kSize, 0x42);
};

TEST_F(BrokenWordTest, IsErasedByWhoeverLooksWhatIsBlank) {
  const Status status = run([this](XfpWire& wire) -> Task<Status> {
    CO_TRY_STATUS(co_await wire.erase(kAddress, kSize, Erase::kNotBlank, nobody));
    EXPECT_TRUE(flash().firm(kAddress, kSize));
    co_return co_await wire.write(kAddress, bytes_, nobody);
  });
  EXPECT_TRUE(status) << words(status);
  EXPECT_EQ(flash().peek(kAddress, kSize), bytes_);
}

TEST_F(BrokenWordTest, IsAnotherContentAndNoHash) {
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

}  // namespace
}  // namespace gangd
