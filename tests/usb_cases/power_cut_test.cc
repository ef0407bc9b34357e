// Power fails in the middle of a DfuSe download, at each operation of the flash chip in turn. The
// board must always answer again and take the whole image: what a line calls a brick is a defect.
#include <gtest/gtest.h>

#include <chrono>

#include "loop/deadline.h"
#include "loop/loop.h"
#include "tests/sim/sim_bus.h"
#include "tests/sim/sim_port.h"
#include "wire/dfuse.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 1min;
constexpr std::size_t kImageSize = 96 * 1024;  // one whole erase block and half of the next
constexpr std::uint64_t kPageSize = 256;
constexpr std::uint64_t kBlocks = 2;

class PowerCut : public testing::TestWithParam<const char*> {
 protected:
  PowerCut() {
    model::VirtualBoard::Options options;
    options.part = GetParam();
    board_ = &bus_.add_board(place_, options);
    for (std::size_t i = 0; i < image_.size(); ++i) {
      image_[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
    }
  }

  Task<Result<std::unique_ptr<UsbConnection>>> open_when_there() {
    while (true) {
      const std::uint64_t seen = bus_.revision();
      if (!bus_.devices().empty()) co_return co_await bus_.open(bus_.devices().front().arrival);
      CO_TRY_STATUS(co_await bus_.changed(seen));
    }
  }

  Task<Status> download() {
    CO_TRY(const auto connection, co_await open_when_there());
    CO_TRY(const auto alternates, find_dfu(connection->configuration()));
    CO_TRY(const auto dfuse,
           co_await Dfuse::open(*connection, alternates.front(), DfuseBlocks::kAddressEach));
    const LayoutSegment segment = dfuse->layout().segments.front();
    for (std::uint32_t offset = 0; offset < image_.size(); offset += segment.page_size) {
      CO_TRY_STATUS(co_await dfuse->erase_page(segment.address + offset));
    }
    CO_TRY_STATUS(co_await dfuse->write(segment.address, image_));
    CO_TRY(const ByteVector read, co_await dfuse->read(segment.address, image_.size()));
    if (read != image_) co_return Error(Code::kMismatch, "another content was read back");
    co_return Status();
  }

  Status run(Task<Status> task) {
    const auto bounded = [](Task<Status> inner) -> Task<Status> {
      co_return co_await with_timeout(kPatience, std::move(inner));
    };
    return loop_.run(bounded(std::move(task)));
  }

  sim::Trace trace_{nullptr};
  sim::SimPort port_{1, trace_};
  Loop loop_{port_};
  sim::SimBus bus_{port_, 1};
  const UsbPath place_{"0000:00:14.0", {1}};
  model::VirtualBoard* board_ = nullptr;
  ByteVector image_ = ByteVector(kImageSize);
};

TEST_P(PowerCut, AtEveryFlashOperationLeavesABoardThatCanBeProgrammed) {
  bus_.plug(place_);
  const std::uint64_t before = board_->chip().operations();
  ASSERT_TRUE(run(download()));
  const std::uint64_t operations = board_->chip().operations() - before;
  // Without it a model that merges operations would make the loop below short.
  EXPECT_GE(operations, kImageSize / kPageSize + kBlocks);

  std::uint64_t cuts = 0;
  for (std::uint64_t n = 0; n < operations; ++n) {
    SCOPED_TRACE(fmt::format("cut at operation {}", n));
    board_->chip().cut_power_at_operation(n);
    const Status cut = run(download());
    ASSERT_TRUE(cut.failed_with(Code::kUnplugged)) << (cut ? "ok" : cut.error().message());
    ASSERT_TRUE(board_->chip().cut());
    ++cuts;
    bus_.unplug(place_);
    bus_.plug(place_);
    const Status again = run(download());
    ASSERT_TRUE(again) << again.error().message();
  }
  EXPECT_EQ(cuts, operations);
  fmt::print("{}: {} cuts, {} operations\n", GetParam(), cuts, operations);
}

INSTANTIATE_TEST_SUITE_P(, PowerCut, testing::Values("MX66UW1G45G", "MX25R6435F"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace gangd
