// A release build hides what its memories hold, also from who asks for the hash of each byte; and
// still it can be erased, written and measured.
#include <gtest/gtest.h>

#include "base/block_digests.h"
#include "tests/sim/sim_bus.h"
#include "tests/unit/loop/simulated.h"
#include "wire/dfuse.h"
#include "wire/xfp_wire.h"

namespace gangd {
namespace {

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::uint32_t kBlock = 4096;

class HiddenMemoryTest : public testing::Test {
 protected:
  using Work = std::function<Task<Status>(XfpWire&)>;

  HiddenMemoryTest() {
    model::VirtualBoard::Options options;
    options.part = "MX25R6435F";
    options.resident.emplace();
    options.resident->hides = true;
    board_ = &bus_.add_board(place_, options);
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
    }
    bus_.plug(place_);
  }

  Task<Result<std::unique_ptr<UsbConnection>>> open() {
    while (bus_.devices().empty()) CO_TRY_STATUS(co_await bus_.changed(bus_.revision()));
    co_return co_await bus_.open(bus_.devices().front().arrival);
  }
  Status run(Work work) { return world_.loop.run(on_wire(std::move(work))); }
  Task<Status> on_wire(Work work) {
    CO_TRY(const auto connection, co_await open());
    CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(*connection));
    co_return co_await work(static_cast<XfpWire&>(*wire));
  }
  static void nobody(std::uint64_t) {}
  static std::string words(const Status& status) { return status ? "" : status.error().message(); }

  Simulated world_;
  sim::SimBus bus_{world_.port, 1};
  const UsbPath place_{"0000:00:14.0", {1}};
  model::VirtualBoard* board_ = nullptr;
  ByteVector bytes_ = ByteVector(10'000);  // two blocks and a half
};

TEST_F(HiddenMemoryTest, CanBeProgrammedAndMeasured) {
  const Status status = run([this](XfpWire& wire) -> Task<Status> {
    CO_TRY_STATUS(co_await wire.erase(kFlash, bytes_.size(), Erase::kNotBlank, nobody));
    CO_TRY_STATUS(co_await wire.write(kFlash, bytes_, nobody));
    CO_TRY(const DeviceProof proof,
           co_await wire.measure(kFlash, bytes_.size(), ReadAs::kProgrammed, Nonce{}, nobody));
    EXPECT_EQ(proof.digest, sha256(bytes_));
    CO_TRY(const auto digests, co_await wire.digests(kFlash, bytes_.size()));
    EXPECT_EQ(digests, block_digests(kFlash, bytes_));
    co_return Status();
  });
  EXPECT_TRUE(status) << words(status);
}

TEST_F(HiddenMemoryTest, TellsNothingOfAPartOfABlock) {
  board_->chip().poke(0, bytes_);
  const Status status = run([this](XfpWire& wire) -> Task<Status> {
    struct Span {
      std::uint32_t address;
      std::uint64_t size;
    };
    for (const Span span :
         {Span{kFlash, 1}, Span{kFlash, bytes_.size() - 1}, Span{kFlash + 1, bytes_.size() - 1},
          Span{kFlash + 2 * kBlock, 1}, Span{kFlash + kBlock - 1, 1}, Span{kFlash + 5, 8}}) {
      const auto proof =
          co_await wire.measure(span.address, span.size, ReadAs::kProgrammed, Nonce{}, nobody);
      EXPECT_TRUE(proof.failed_with(Code::kDevice)) << span.address << ' ' << span.size;
      const auto digests = co_await wire.digests(span.address, span.size);
      EXPECT_TRUE(digests.failed_with(Code::kDevice)) << span.address << ' ' << span.size;
    }
    CO_TRY(const DeviceProof whole,
           co_await wire.measure(kFlash + kBlock, kBlock, ReadAs::kProgrammed, Nonce{}, nobody));
    EXPECT_EQ(whole.digest, sha256(ByteView(bytes_).subspan(kBlock, kBlock)));
    co_return Status();
  });
  EXPECT_TRUE(status) << words(status);
}

TEST_F(HiddenMemoryTest, IsNotReadByXfpNorByDfu) {
  board_->chip().poke(0, bytes_);
  const Status by_xfp = run([](XfpWire& wire) -> Task<Status> {
    EXPECT_FALSE(co_await wire.read_back(kFlash, kBlock, nobody));
    co_return Status();
  });
  EXPECT_TRUE(by_xfp) << words(by_xfp);
  const auto by_dfu = [this]() -> Task<Status> {
    CO_TRY(const auto connection, co_await open());
    CO_TRY(const auto alternates, find_dfu(connection->configuration()));
    CO_TRY(const auto dfuse,
           co_await Dfuse::open(*connection, alternates.at(1), DfuseBlocks::kAddressEach));
    EXPECT_FALSE(dfuse->layout().segments.front().readable);
    EXPECT_FALSE(co_await dfuse->read(kFlash, 256));
    co_return Status();
  };
  const Status status = world_.loop.run(by_dfu());
  EXPECT_TRUE(status) << words(status);
}

}  // namespace
}  // namespace gangd
