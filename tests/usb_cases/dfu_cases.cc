// What a board must do with DFU requests, as a host sees it: the groups of a conformance plan for
// DFU 1.1 with ST's extensions, each a case or more. Run against the firmware's core in virtual
// time and, request for request the same, by libusb over the rig.
//
//   descriptors            DescriptorsSayDfuse, LayoutsAndStringsAreReadable
//   state x request        EveryRequestInEveryState (those that a host can reach for certain)
//   first status is busy   TheFirstStatusAfterEachCommandIsBusy
//   polling                AnEraseIsAnsweredForAllTheWhile
//   clearing               SelectingAndResettingBeginAnew, ErrorsAreReadableAndCleared
//   block numbers          OnlyWholeCommandsAreObeyed, EveryLengthOfABlockArrives
//   addresses              TheEdgesOfTheMemoryHold
//   erasing                ErasingTwiceAndOutside
//   reading                AnUploadEndsWithTheMemory
//   leaving                AnEmptyDownloadInIdleIsRefused
//   two hosts              usb_cases.cc: AnInterfaceHasOneHolder
//
// On the core alone (tests/unit/core): states without a host's way to them, transfers longer than
// Linux allows, suspend and resume, leaving to firmware, any order of requests at random. With
// other people's programs: dfu-util and fwupd on the rig. Files of other formats: not there yet.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "tests/usb_cases/usb_cases.h"
#include "wire/dfu.h"
#include "wire/layout.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 30s;
constexpr std::uint8_t kIn = 0xa1;
constexpr std::uint8_t kOut = 0x21;
constexpr std::size_t kBlock = 4096;
// bStatus of DFU 1.1, table 6.1.2.
constexpr std::uint8_t kErrTarget = 0x01, kErrAddress = 0x08, kErrStalled = 0x0f;

enum Request : std::uint8_t { kDetach, kDownload, kUpload, kGetStatus, kClear, kGetState, kAbort };

struct DfuStatus {
  std::uint8_t status = 0;
  std::uint32_t timeout_ms = 0;
  DfuState state = DfuState::kIdle;
  std::uint8_t text = 0;
};

ByteVector command(std::uint8_t opcode, std::uint32_t address) {
  ByteWriter writer;
  return std::move(writer.u8(opcode).u32_le(address)).take();
}

// A host that does nothing of its own accord.
class BareHost {
 public:
  // Opens the board when it is there, and selects its first memory.
  static Task<Result<std::unique_ptr<BareHost>>> open(Rack& rack, int board) {
    while (true) {
      const std::uint64_t seen = rack.usb().revision();
      for (const UsbDevice& device : rack.usb().devices()) {
        if (device.path != rack.place(board)) continue;
        auto connection = co_await rack.usb().open(device.arrival);
        // The list is of a moment ago.
        if (connection.failed_with(Code::kUnplugged)) break;
        if (!connection) co_return std::move(connection).error();
        auto host = std::make_unique<BareHost>(*std::move(connection));
        CO_TRY(host->alternates_, find_dfu(host->usb().configuration()));
        CO_TRY_STATUS(co_await host->usb().claim(host->alternates_.front().interface));
        CO_TRY_STATUS(co_await host->select(0));
        co_return host;
      }
      CO_TRY_STATUS(co_await with_timeout(kPatience, rack.usb().changed(seen)));
    }
  }
  explicit BareHost(std::unique_ptr<UsbConnection> connection)
      : connection_(std::move(connection)) {}

  UsbConnection& usb() { return *connection_; }
  const std::vector<DfuAlternate>& alternates() const { return alternates_; }

  Task<Status> select(std::size_t memory) {
    co_return co_await connection_->select(alternates_[memory].interface,
                                           alternates_[memory].alternate);
  }
  Task<Status> out(Request request, std::uint16_t block, ByteVector bytes) {
    co_return co_await with_timeout(
        kPatience, connection_->control_out({kOut, request, block, alternates_[0].interface},
                                            std::move(bytes)));
  }
  Task<Result<ByteVector>> in(Request request, std::uint16_t block, std::size_t size) {
    co_return co_await with_timeout(
        kPatience, connection_->control_in({kIn, request, block, alternates_[0].interface}, size));
  }
  Task<Status> download(std::uint16_t block, ByteVector bytes) {
    return out(kDownload, block, std::move(bytes));
  }
  Task<Result<DfuStatus>> status() {
    CO_TRY(const ByteVector bytes, co_await in(kGetStatus, 0, 6));
    ByteReader reader(bytes);
    DfuStatus status;
    status.status = reader.u8();
    status.timeout_ms = reader.u24_le();
    status.state = static_cast<DfuState>(reader.u8());
    status.text = reader.u8();
    CO_TRY_STATUS(reader.finish());
    co_return status;
  }
  Task<DfuState> state() {
    const auto bytes = co_await in(kGetState, 0, 1);
    EXPECT_TRUE(bytes && bytes->size() == 1);
    co_return bytes && bytes->size() == 1 ? static_cast<DfuState>(bytes->front())
                                          : DfuState::kAppIdle;
  }
  // A command or block, and polls until it has ended.
  Task<DfuStatus> run(std::uint16_t block, ByteVector bytes) {
    EXPECT_TRUE(co_await download(block, std::move(bytes)));
    auto now = co_await status();
    while (now && now->state == DfuState::kDownloadBusy) {
      (void)co_await sleep_for(std::chrono::milliseconds(now->timeout_ms));
      now = co_await status();
    }
    EXPECT_TRUE(now);
    co_return now ? *now : DfuStatus();
  }
  // Whatever it was in.
  Task<> idle() {
    for (int i = 0; i < 4; ++i) {
      const DfuState now = co_await state();
      if (now == DfuState::kIdle) co_return;
      (void)co_await out(now == DfuState::kError ? kClear : kAbort, 0, {});
    }
    ADD_FAILURE() << "no way to dfuIDLE";
  }
  // An error of this status is what the last request led to; cleared.
  Task<> expect_error(std::uint8_t expected) {
    const auto now = co_await status();
    EXPECT_TRUE(now);
    if (!now) co_return;
    EXPECT_EQ(now->state, DfuState::kError);
    EXPECT_EQ(now->status, expected);
    EXPECT_TRUE(co_await out(kClear, 0, {}));
  }
  Task<Layout> layout(std::size_t memory) {
    const auto text = co_await read_string(*connection_, alternates_[memory].name_index);
    EXPECT_TRUE(text);
    const auto layout = parse_layout(text ? *text : "");
    EXPECT_TRUE(layout);
    co_return layout ? *layout : Layout();
  }

 private:
  std::unique_ptr<UsbConnection> connection_;
  std::vector<DfuAlternate> alternates_;
};

using Host = std::unique_ptr<BareHost>;

Task<Host> open_host(Rack& rack) {
  auto host = co_await BareHost::open(rack, 0);
  EXPECT_TRUE(host) << (host ? "" : host.error().message());
  co_return host ? *std::move(host) : nullptr;
}

Task<> descriptors_say_dfuse(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  EXPECT_FALSE(host->alternates().empty());
  for (const DfuAlternate& memory : host->alternates()) {
    EXPECT_EQ(memory.version, kDfuseVersion);
    EXPECT_TRUE(memory.in_dfu_mode);
    EXPECT_EQ(memory.transfer_size, kBlock);
    EXPECT_EQ(memory.attributes & 0x03, 0x03) << "downloads and uploads";
  }
}

Task<> layouts_and_strings_are_readable(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  for (std::size_t memory = 0; memory < host->alternates().size(); ++memory) {
    const Layout layout = co_await host->layout(memory);
    EXPECT_FALSE(layout.segments.empty());
    // A string descriptor has 255 bytes: 126 characters.
    const auto text = co_await read_string(host->usb(), host->alternates()[memory].name_index);
    EXPECT_LE(text->size(), 126U);
  }
}

// --- every state with every request

struct Cell {
  DfuState state;
  // By request, in the order of their numbers: the state after it; kError is a stall.
  std::array<DfuState, 7> next;
};

using enum DfuState;
constexpr std::array kTable = {
    Cell{kIdle, {kError, kDownloadSync, kUploadIdle, kIdle, kError, kIdle, kIdle}},
    Cell{kDownloadSync, {kError, kError, kError, kDownloadBusy, kError, kDownloadSync, kIdle}},
    Cell{kDownloadBusy, {kError, kError, kError, kDownloadBusy, kError, kDownloadBusy, kError}},
    Cell{kDownloadIdle,
         {kError, kDownloadSync, kError, kDownloadIdle, kError, kDownloadIdle, kIdle}},
    Cell{kUploadIdle, {kError, kError, kUploadIdle, kUploadIdle, kError, kUploadIdle, kIdle}},
};

Task<> bring_to(BareHost& host, DfuState state, std::uint32_t address) {
  co_await host.idle();
  switch (state) {
    case kDownloadSync:
      EXPECT_TRUE(co_await host.download(0, command(0x21, address)));
      break;
    case kDownloadBusy:
      // Of the whole chip: nobody is late for it, on any machine.
      EXPECT_TRUE(co_await host.download(0, {0x41}));
      EXPECT_TRUE(co_await host.status());
      break;
    case kDownloadIdle:
      EXPECT_EQ((co_await host.run(0, command(0x21, address))).state, kDownloadIdle);
      break;
    case kUploadIdle:
      EXPECT_TRUE(co_await host.in(kUpload, 2, kBlock));
      break;
    default:
      break;
  }
  EXPECT_EQ(co_await host.state(), state);
}

// Whether it was answered.
Task<bool> ask(BareHost& host, Request request) {
  switch (request) {
    case kUpload:
      co_return (co_await host.in(kUpload, 2, kBlock)).has_value();
    case kGetStatus:
      co_return (co_await host.status()).has_value();
    case kGetState:
      co_return (co_await host.in(kGetState, 0, 1)).has_value();
    case kDownload:
      co_return (co_await host.download(2, ByteVector(64, 0xff))).has_value();
    default:
      co_return (co_await host.out(request, 0, {})).has_value();
  }
}

Task<> every_request_in_every_state(Rack& rack) {
  for (const Cell& cell : kTable) {
    for (std::uint8_t request = 0; request < cell.next.size(); ++request) {
      const Host host = co_await open_host(rack);
      if (!host) co_return;
      const std::uint32_t address = (co_await host->layout(0)).segments.front().address;
      co_await bring_to(*host, cell.state, address);
      const DfuState next = cell.next[request];
      const std::string where = fmt::format("{}, request {}", dfu_state_name(cell.state), request);
      if (request == kGetStatus) {
        // What it says, for with a command that takes no time it is already gone.
        const auto status = co_await host->status();
        EXPECT_TRUE(status && status->state == next) << where;
      } else {
        EXPECT_EQ(co_await ask(*host, static_cast<Request>(request)), next != kError) << where;
        EXPECT_EQ(co_await host->state(), next) << where;
      }
      if (next == kError) {
        EXPECT_EQ((co_await host->status())->status, kErrStalled) << where;
      }
      if (cell.state != kDownloadBusy) continue;
      // Nothing but power ends what the chip does.
      co_await rack.unplug(0);
      co_await rack.plug(0);
    }
  }
  // dfuERROR: only CLRSTATUS leads out, and the first error stays.
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  (void)co_await host->run(0, command(0x41, 0x1000'0000));
  for (const Request request : {kDetach, kDownload, kUpload, kAbort}) {
    EXPECT_FALSE(co_await ask(*host, request));
    EXPECT_EQ((co_await host->status())->status, kErrAddress);
  }
  EXPECT_TRUE(co_await ask(*host, kClear));
  EXPECT_EQ(co_await host->state(), kIdle);
}

Task<> the_first_status_after_each_command_is_busy(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  const std::uint32_t address = (co_await host->layout(0)).segments.front().address;
  const std::array<std::pair<std::uint16_t, ByteVector>, 3> commands = {
      {{0, command(0x21, address)}, {0, command(0x41, address)}, {2, ByteVector(kBlock, 0xa5)}}};
  for (const auto& [block, bytes] : commands) {
    EXPECT_TRUE(co_await host->download(block, bytes));
    const auto first = co_await host->status();
    EXPECT_TRUE(first && first->state == kDownloadBusy && first->status == 0);
    while ((co_await host->status())->state == kDownloadBusy) (void)co_await sleep_for(5ms);
    EXPECT_EQ(co_await host->state(), kDownloadIdle);
  }
}

Task<> an_erase_is_answered_for_all_the_while(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  const std::uint32_t address = (co_await host->layout(0)).segments.front().address;
  // Early, far too often: every poll is answered. A host that came too late to see the erase twice
  // has seen nothing, and erases again.
  int seen_busy = 0;
  for (int erases = 0; seen_busy < 2 && erases < rack.tries(); ++erases) {
    EXPECT_TRUE(co_await host->download(0, command(0x41, address)));
    auto now = co_await host->status();
    EXPECT_GT(now->timeout_ms, 0U);
    for (seen_busy = 0; now && now->state == kDownloadBusy; ++seen_busy) {
      (void)co_await sleep_for(1ms);
      now = co_await host->status();
    }
    EXPECT_TRUE(now && now->state == kDownloadIdle);
    if (testing::Test::HasFailure()) co_return;
  }
  EXPECT_GE(seen_busy, 2) << "busy after the first status, too";
  // Late: one poll learns of the end.
  EXPECT_TRUE(co_await host->download(0, command(0x41, address)));
  EXPECT_TRUE(co_await host->status());
  (void)co_await sleep_for(2s);
  EXPECT_EQ((co_await host->status())->state, kDownloadIdle);
}

Task<> selecting_and_resetting_begin_anew(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  const std::uint32_t address = (co_await host->layout(0)).segments.front().address;
  for (const DfuState state : {kDownloadSync, kDownloadIdle, kUploadIdle}) {
    co_await bring_to(*host, state, address);
    EXPECT_TRUE(co_await host->select(0));
    EXPECT_EQ(co_await host->state(), kIdle);
    co_await bring_to(*host, state, address);
    EXPECT_TRUE(co_await with_timeout(kPatience, host->usb().reset()));
    EXPECT_TRUE(co_await host->select(0));
    EXPECT_EQ(co_await host->state(), kIdle);
  }
}

Task<> errors_are_readable_and_cleared(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  EXPECT_EQ((co_await host->run(0, command(0x41, 0x1000'0000))).state, kError);
  const auto now = co_await host->status();
  EXPECT_NE(now->text, 0);
  const auto text = co_await read_string(host->usb(), now->text);
  EXPECT_TRUE(text && !text->empty());
  EXPECT_TRUE(co_await host->out(kClear, 0, {}));
  const auto cleared = co_await host->status();
  EXPECT_EQ(cleared->state, kIdle);
  EXPECT_EQ(cleared->status, 0);
}

Task<> only_whole_commands_are_obeyed(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  for (const std::uint8_t opcode : ByteVector{0x00, 0x21, 0x41, 0x92, 0xff}) {
    for (const std::size_t size : {1U, 2U, 4U, 5U, 6U, 4096U}) {
      if ((size == 5 && (opcode == 0x21 || opcode == 0x41)) || (size == 1 && opcode == 0x41)) {
        continue;
      }
      ByteVector bytes = command(opcode, 0x9000'0000);
      bytes.resize(size);
      (void)co_await host->run(0, bytes);
      co_await host->expect_error(kErrTarget);
    }
  }
  (void)co_await host->run(1, {0x41});
  co_await host->expect_error(kErrTarget);
  // ST's list of commands is block 0 of an upload.
  const auto commands = co_await host->in(kUpload, 0, 64);
  EXPECT_TRUE(commands && *commands == (ByteVector{0x00, 0x21, 0x41}));
}

Task<> every_length_of_a_block_arrives(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  const std::uint32_t address = (co_await host->layout(0)).segments.front().address;
  for (const std::size_t size : {2U, 62U, 64U, 66U, 128U, 510U, 512U, 514U, 4094U, 4096U}) {
    EXPECT_EQ((co_await host->run(0, command(0x41, address))).state, kDownloadIdle);
    EXPECT_EQ((co_await host->run(0, command(0x21, address))).state, kDownloadIdle);
    ByteVector bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 13 + size);
    EXPECT_EQ((co_await host->run(2, bytes)).state, kDownloadIdle) << size;
    co_await host->idle();
    const auto read = co_await host->in(kUpload, 2, size);
    EXPECT_TRUE(read && *read == bytes) << size;
    co_await host->idle();
  }
}

Task<> the_edges_of_the_memory_hold(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  const Layout layout = co_await host->layout(0);
  const std::uint32_t first = layout.segments.front().address;
  const auto end = static_cast<std::uint32_t>(layout.segments.back().end());
  // The last block is inside, the next one is not, nor is one that begins inside and ends outside.
  const std::uint32_t last_page = end - layout.segments.back().page_size;
  EXPECT_EQ((co_await host->run(0, command(0x41, last_page))).state, kDownloadIdle);
  EXPECT_EQ((co_await host->run(0, command(0x21, end - kBlock))).state, kDownloadIdle);
  EXPECT_EQ((co_await host->run(2, ByteVector(kBlock, 0x5a))).state, kDownloadIdle);
  (void)co_await host->run(3, ByteVector(2, 0x5a));
  co_await host->expect_error(kErrAddress);
  EXPECT_EQ((co_await host->run(0, command(0x21, end - 2))).state, kDownloadIdle);
  (void)co_await host->run(2, ByteVector(4, 0x5a));
  co_await host->expect_error(kErrAddress);
  // The pointer may be anywhere, for it is also where firmware starts; a block may not.
  for (const std::uint32_t outside : {first - 2, end}) {
    EXPECT_EQ((co_await host->run(0, command(0x21, outside))).state, kDownloadIdle);
    (void)co_await host->run(2, ByteVector(2, 0x5a));
    co_await host->expect_error(kErrAddress);
  }
  // Pointer and block number together are more than an address has bits for.
  EXPECT_EQ((co_await host->run(0, command(0x21, end - kBlock))).state, kDownloadIdle);
  (void)co_await host->run(0xffff, ByteVector(2, 0x5a));
  co_await host->expect_error(kErrAddress);
}

Task<> erasing_twice_and_outside(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  const Layout layout = co_await host->layout(0);
  const std::uint32_t address = layout.segments.front().address;
  for (int i = 0; i < 2; ++i) {
    // Anywhere in a page is the page.
    EXPECT_EQ((co_await host->run(0, command(0x41, address + 0x100))).state, kDownloadIdle);
  }
  co_await host->idle();
  EXPECT_EQ(*co_await host->in(kUpload, 2, kBlock), ByteVector(kBlock, 0xff));
  co_await host->idle();
  (void)co_await host->run(0,
                           command(0x41, static_cast<std::uint32_t>(layout.segments.back().end())));
  co_await host->expect_error(kErrAddress);
}

Task<> an_upload_ends_with_the_memory(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  const Layout layout = co_await host->layout(0);
  const auto end = static_cast<std::uint32_t>(layout.segments.back().end());
  EXPECT_EQ((co_await host->run(0, command(0x21, end - 100))).state, kDownloadIdle);
  EXPECT_FALSE(co_await host->in(kUpload, 2, kBlock)) << "after a download without ABORT";
  co_await host->expect_error(kErrStalled);
  const auto tail = co_await host->in(kUpload, 2, kBlock);
  EXPECT_TRUE(tail && tail->size() == 100);
  EXPECT_EQ(co_await host->state(), kIdle) << "a short one is the end of the file";
  EXPECT_FALSE(co_await host->in(kUpload, 3, kBlock));
  co_await host->expect_error(kErrAddress);
}

Task<> an_empty_download_in_idle_is_refused(Rack& rack) {
  const Host host = co_await open_host(rack);
  if (!host) co_return;
  EXPECT_FALSE(co_await host->download(0, {}));
  co_await host->expect_error(kErrStalled);
}

constexpr std::array kCases = {
    UsbCase{"DescriptorsSayDfuse", descriptors_say_dfuse},
    UsbCase{"LayoutsAndStringsAreReadable", layouts_and_strings_are_readable},
    UsbCase{"EveryRequestInEveryState", every_request_in_every_state},
    UsbCase{"TheFirstStatusAfterEachCommandIsBusy", the_first_status_after_each_command_is_busy},
    UsbCase{"AnEraseIsAnsweredForAllTheWhile", an_erase_is_answered_for_all_the_while},
    UsbCase{"SelectingAndResettingBeginAnew", selecting_and_resetting_begin_anew},
    UsbCase{"ErrorsAreReadableAndCleared", errors_are_readable_and_cleared},
    UsbCase{"OnlyWholeCommandsAreObeyed", only_whole_commands_are_obeyed},
    UsbCase{"EveryLengthOfABlockArrives", every_length_of_a_block_arrives},
    UsbCase{"TheEdgesOfTheMemoryHold", the_edges_of_the_memory_hold},
    UsbCase{"ErasingTwiceAndOutside", erasing_twice_and_outside},
    UsbCase{"AnUploadEndsWithTheMemory", an_upload_ends_with_the_memory},
    UsbCase{"AnEmptyDownloadInIdleIsRefused", an_empty_download_in_idle_is_refused},
};

}  // namespace

std::span<const UsbCase> dfu_cases() {
  return kCases;
}

}  // namespace gangd
