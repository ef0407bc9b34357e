#include "tests/usb_cases/usb_cases.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

#include "loop/deadline.h"
#include "loop/scope.h"
#include "loop/sleep.h"
#include "wire/dfuse.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// Longer than any machine needs: a case that fails ends, one that holds never waits for it.
constexpr Duration kPatience = 30s;

constexpr std::uint8_t kNoSuchEndpoint = 0x8f;
constexpr UsbRequest kGetDeviceDescriptor = {0x80, 6, 0x0100, 0};
constexpr UsbRequest kUnknownVendorRequest = {0xc0, 0x77, 0, 0};

using ConnectionOwner = std::unique_ptr<UsbConnection>;

const UsbDevice* find(Usb& usb, const UsbPath& path) {
  for (const UsbDevice& device : usb.devices()) {
    if (device.path == path) return &device;
  }
  return nullptr;
}

// The device at `path` that came after arrival `after`.
Task<Result<UsbDevice>> wait_for_device(Usb& usb, UsbPath path, std::uint64_t after) {
  while (true) {
    const std::uint64_t seen = usb.revision();
    const UsbDevice* device = find(usb, path);
    if (device != nullptr && device->arrival > after) co_return *device;
    CO_TRY_STATUS(co_await usb.changed(seen));
  }
}

Task<Status> wait_for_absence(Usb& usb, UsbPath path) {
  while (true) {
    const std::uint64_t seen = usb.revision();
    if (find(usb, path) == nullptr) co_return Status();
    CO_TRY_STATUS(co_await usb.changed(seen));
  }
}

Task<Result<ConnectionOwner>> open_board(Rack& rack, int board) {
  CO_TRY(const UsbDevice device,
         co_await with_timeout(kPatience, wait_for_device(rack.usb(), rack.place(board), 0)));
  co_return co_await with_timeout(kPatience, rack.usb().open(device.arrival));
}

Task<Result<ByteVector>> get_device_descriptor(UsbConnection& connection) {
  co_return co_await connection.control_in(kGetDeviceDescriptor, 18);
}

Task<> every_board_is_listed_at_its_place(Rack& rack) {
  for (int board = 0; board < rack.boards(); ++board) {
    const auto device =
        co_await with_timeout(kPatience, wait_for_device(rack.usb(), rack.place(board), 0));
    EXPECT_TRUE(device) << board;
    if (!device) co_return;
    EXPECT_EQ(device->vendor, 0x1209);
    EXPECT_EQ(device->speed, UsbSpeed::kHigh);
    EXPECT_FALSE(device->is_hub);
  }
}

Task<> a_descriptor_is_read(Rack& rack) {
  const auto board = co_await open_board(rack, 0);
  EXPECT_TRUE(board);
  if (!board) co_return;
  const auto descriptor = co_await with_timeout(kPatience, get_device_descriptor(**board));
  EXPECT_TRUE(descriptor && descriptor->size() == 18 && (*descriptor)[1] == 1);
  // A device gives what it has, not what was asked for.
  const auto more = co_await with_timeout(
      kPatience, (*board)->control_in(kGetDeviceDescriptor, kControlBytesMax));
  EXPECT_TRUE(more && more->size() == 18);
  EXPECT_GT((*board)->configuration().size(), 18u);
}

Task<> a_refused_request_is_a_stall_and_the_next_one_works(Rack& rack) {
  const auto board = co_await open_board(rack, 0);
  EXPECT_TRUE(board);
  if (!board) co_return;
  const auto refused =
      co_await with_timeout(kPatience, (*board)->control_in(kUnknownVendorRequest, 16));
  EXPECT_TRUE(refused.failed_with(Code::kStalled));
  EXPECT_TRUE(co_await with_timeout(kPatience, get_device_descriptor(**board)));
  co_await rack.halt(0, 0);
  EXPECT_TRUE((co_await with_timeout(kPatience, get_device_descriptor(**board)))
                  .failed_with(Code::kStalled));
  EXPECT_TRUE(co_await with_timeout(kPatience, get_device_descriptor(**board)));
}

Task<> a_device_that_does_not_answer_is_a_timeout_and_can_be_used_again(Rack& rack) {
  const auto board = co_await open_board(rack, 0);
  EXPECT_TRUE(board);
  if (!board) co_return;
  co_await rack.hang(0, 0, true);
  EXPECT_TRUE(
      (co_await with_timeout(200ms, get_device_descriptor(**board))).failed_with(Code::kTimeout));
  co_await rack.hang(0, 0, false);
  EXPECT_TRUE(co_await with_timeout(kPatience, get_device_descriptor(**board)));
}

Task<> a_cancelled_transfer_gives_its_buffer_back(Rack& rack) {
  const auto board = co_await open_board(rack, 0);
  EXPECT_TRUE(board);
  if (!board) co_return;
  co_await rack.hang(0, 0, true);
  Result<ByteVector> seen = ByteVector();
  const auto wait = [](UsbConnection& connection, Result<ByteVector>& outcome) -> Task<> {
    outcome = co_await get_device_descriptor(connection);
  };
  Scope scope(rack.loop(), "transfer");
  scope.spawn("transfer", wait(**board, seen));
  (void)co_await sleep_for(50ms);
  scope.cancel();
  co_await scope.join();
  EXPECT_TRUE(seen.failed_with(Code::kCancelled));
  co_await rack.hang(0, 0, false);
  EXPECT_TRUE(co_await with_timeout(kPatience, get_device_descriptor(**board)));
}

Task<> unplugged_in_mid_transfer_is_said_and_stays(Rack& rack) {
  const auto board = co_await open_board(rack, 0);
  EXPECT_TRUE(board);
  if (!board) co_return;
  co_await rack.hang(0, 0, true);
  Result<ByteVector> seen = ByteVector();
  const auto wait = [](UsbConnection& connection, Result<ByteVector>& outcome) -> Task<> {
    outcome = co_await with_timeout(kPatience, get_device_descriptor(connection));
  };
  Scope scope(rack.loop(), "transfer");
  scope.spawn("transfer", wait(**board, seen));
  (void)co_await sleep_for(50ms);
  co_await rack.unplug(0);
  co_await scope.join();
  EXPECT_TRUE(seen.failed_with(Code::kUnplugged));
  EXPECT_TRUE((co_await with_timeout(kPatience, get_device_descriptor(**board)))
                  .failed_with(Code::kUnplugged));
  EXPECT_TRUE(co_await with_timeout(kPatience, wait_for_absence(rack.usb(), rack.place(0))));
  co_await rack.hang(0, 0, false);
}

Task<> a_board_that_comes_back_is_another_arrival_at_the_same_place(Rack& rack) {
  const auto before =
      co_await with_timeout(kPatience, wait_for_device(rack.usb(), rack.place(1), 0));
  EXPECT_TRUE(before);
  if (!before) co_return;
  co_await rack.unplug(1);
  EXPECT_TRUE(co_await with_timeout(kPatience, wait_for_absence(rack.usb(), rack.place(1))));
  EXPECT_TRUE((co_await with_timeout(kPatience, rack.usb().open(before->arrival)))
                  .failed_with(Code::kUnplugged));
  co_await rack.plug(1);
  const auto after =
      co_await with_timeout(kPatience, wait_for_device(rack.usb(), rack.place(1), before->arrival));
  EXPECT_TRUE(after);
  if (!after) co_return;
  const auto board = co_await with_timeout(kPatience, rack.usb().open(after->arrival));
  EXPECT_TRUE(board && co_await with_timeout(kPatience, get_device_descriptor(**board)));
}

Task<> an_interface_has_one_holder(Rack& rack) {
  const auto first = co_await open_board(rack, 0);
  EXPECT_TRUE(first && co_await with_timeout(kPatience, (*first)->claim(0)));
  auto second = co_await open_board(rack, 0);
  EXPECT_TRUE(second);
  if (!first || !second) co_return;
  EXPECT_TRUE((co_await with_timeout(kPatience, (*second)->claim(0))).failed_with(Code::kBusy));
  EXPECT_TRUE(co_await with_timeout(kPatience, (*first)->claim(0))) << "its holder may ask again";
}

Task<> an_interface_is_free_when_its_holder_has_closed(Rack& rack) {
  {
    const auto first = co_await open_board(rack, 0);
    EXPECT_TRUE(first && co_await with_timeout(kPatience, (*first)->claim(0)));
  }
  const auto second = co_await open_board(rack, 0);
  EXPECT_TRUE(second && co_await with_timeout(kPatience, (*second)->claim(0)));
}

Task<> an_endpoint_that_is_not_there_fails_at_once(Rack& rack) {
  const auto board = co_await open_board(rack, 0);
  EXPECT_TRUE(board && co_await with_timeout(kPatience, (*board)->claim(0)));
  if (!board) co_return;
  const auto refused = co_await with_timeout(kPatience, (*board)->bulk_in(kNoSuchEndpoint, 64));
  EXPECT_TRUE(refused.failed_with(Code::kTransfer)) << refused.error().message();
}

Task<> a_reset_leaves_the_board_usable(Rack& rack) {
  const auto board = co_await open_board(rack, 0);
  EXPECT_TRUE(board);
  if (!board) co_return;
  EXPECT_TRUE(co_await with_timeout(kPatience, (*board)->reset()));
  EXPECT_TRUE(co_await with_timeout(kPatience, get_device_descriptor(**board)));
}

Task<Result<std::unique_ptr<Dfuse>>> open_dfuse(UsbConnection& board, DfuseBlocks blocks) {
  CO_TRY(const std::vector<DfuAlternate> alternates, find_dfu(board.configuration()));
  if (alternates.empty()) co_return Error(Code::kNotFound, "no DFU");
  co_return co_await Dfuse::open(board, alternates.front(), blocks);
}

Task<Status> program_and_read_back(UsbConnection& board, DfuseBlocks blocks, std::uint8_t salt) {
  CO_TRY(const auto dfuse, co_await open_dfuse(board, blocks));
  const LayoutSegment& segment = dfuse->layout().segments.front();
  ByteVector bytes(3 * dfuse->block_size() + 100);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(i * 7 + (i >> 8) + salt);
  }
  CO_TRY_STATUS(co_await dfuse->erase_page(segment.address));
  CO_TRY_STATUS(co_await dfuse->write(segment.address, bytes));
  CO_TRY(const ByteVector read, co_await dfuse->read(segment.address, bytes.size()));
  if (read != bytes) co_return Error(Code::kMismatch, "another content was read back");
  co_return Status();
}

Task<> a_memory_is_programmed_and_read_back(Rack& rack) {
  for (const DfuseBlocks blocks : {DfuseBlocks::kAddressEach, DfuseBlocks::kIncrement}) {
    const auto board = co_await open_board(rack, 0);
    EXPECT_TRUE(board);
    if (!board) co_return;
    const Status status = co_await with_timeout(
        kPatience, program_and_read_back(**board, blocks, static_cast<std::uint8_t>(blocks)));
    EXPECT_TRUE(status) << status.error().message();
  }
}

Task<> all_boards_work_at_once(Rack& rack) {
  const auto work = [](Rack& own, int number, int& passed) -> Task<> {
    const auto board = co_await open_board(own, number);
    EXPECT_TRUE(board);
    if (!board) co_return;
    const Status status = co_await with_timeout(
        kPatience,
        program_and_read_back(**board, DfuseBlocks::kIncrement, static_cast<std::uint8_t>(number)));
    EXPECT_TRUE(status) << number << ": " << status.error().message();
    if (status) ++passed;
  };
  int passed = 0;
  Scope scope(rack.loop(), "boards");
  for (int number = 0; number < rack.boards(); ++number) {
    scope.spawn("board", work(rack, number, passed));
  }
  co_await scope.join();
  EXPECT_EQ(passed, rack.boards());
}

constexpr std::array kCases = {
    UsbCase{"EveryBoardIsListedAtItsPlace", every_board_is_listed_at_its_place},
    UsbCase{"ADescriptorIsRead", a_descriptor_is_read},
    UsbCase{"ARefusedRequestIsAStallAndTheNextOneWorks",
            a_refused_request_is_a_stall_and_the_next_one_works},
    UsbCase{"ADeviceThatDoesNotAnswerIsATimeoutAndCanBeUsedAgain",
            a_device_that_does_not_answer_is_a_timeout_and_can_be_used_again},
    UsbCase{"ACancelledTransferGivesItsBufferBack", a_cancelled_transfer_gives_its_buffer_back},
    UsbCase{"UnpluggedInMidTransferIsSaidAndStays", unplugged_in_mid_transfer_is_said_and_stays},
    UsbCase{"ABoardThatComesBackIsAnotherArrivalAtTheSamePlace",
            a_board_that_comes_back_is_another_arrival_at_the_same_place},
    UsbCase{"AnInterfaceHasOneHolder", an_interface_has_one_holder},
    UsbCase{"AnInterfaceIsFreeWhenItsHolderHasClosed",
            an_interface_is_free_when_its_holder_has_closed},
    UsbCase{"AnEndpointThatIsNotThereFailsAtOnce", an_endpoint_that_is_not_there_fails_at_once},
    UsbCase{"AResetLeavesTheBoardUsable", a_reset_leaves_the_board_usable},
    UsbCase{"AMemoryIsProgrammedAndReadBack", a_memory_is_programmed_and_read_back},
    UsbCase{"AllBoardsWorkAtOnce", all_boards_work_at_once},
};

}  // namespace

std::span<const UsbCase> usb_cases() {
  return kCases;
}

}  // namespace gangd
