#include "wire/dfuse.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "loop/deadline.h"
#include "loop/sleep.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// bRequest (DFU 1.1, table 3.2).
constexpr std::uint8_t kDownload = 1;
constexpr std::uint8_t kUpload = 2;
constexpr std::uint8_t kGetStatus = 3;
constexpr std::uint8_t kClearStatus = 4;
constexpr std::uint8_t kAbort = 6;

constexpr std::uint8_t kToInterface = 0x21;
constexpr std::uint8_t kFromInterface = 0xa1;

// Commands of DfuSe, the first byte of a download to block 0.
constexpr std::uint8_t kSetAddress = 0x21;
constexpr std::uint8_t kErase = 0x41;

constexpr std::uint16_t kFirstDataBlock = 2;
constexpr std::uint32_t kBlocksMax = 65536 - kFirstDataBlock;

// One control transfer: what dfu-util waits, and so what devices are made for.
constexpr Duration kRequestLimit = 5s;
// One block: the slowest erase of a 64K block is some 6 s by its data sheet, and a device waits for
// half as much again.
constexpr Duration kBlockLimit = 30s;
// A whole chip: 460 s is the longest that a vendor's driver states.
constexpr Duration kEraseAllLimit = 15min;
// From any state, with an operation of the run before still going on.
constexpr Duration kToIdleLimit = kBlockLimit;
// A device that says 0 ms is asked again at once, but not without end.
constexpr Duration kPollLeast = 1ms;
// The ROM of the STM32L4 understates its time-outs and refuses to answer while it is busy.
constexpr int kBusyRefusalsMax = 3;

std::uint8_t address_byte(std::uint32_t address, int n) {
  return static_cast<std::uint8_t>(address >> (8 * n));
}

ByteVector command_with_address(std::uint8_t command, std::uint32_t address) {
  return {command, address_byte(address, 0), address_byte(address, 1), address_byte(address, 2),
          address_byte(address, 3)};
}

std::string at(std::string_view what, std::uint32_t address) {
  return fmt::format("{} 0x{:08x}", what, address);
}

}  // namespace

Task<Status> Dfuse::select(UsbConnection& connection, DfuAlternate alternate) {
  if (!alternate.in_dfu_mode || !alternate.is_dfuse()) {
    co_return Error(Code::kUnsupported, "the device is not in DfuSe mode (DFU version {:x}.{:02x})",
                    alternate.version >> 8, alternate.version & 0xff);
  }
  if (alternate.transfer_size == 0) {
    co_return Error(Code::kDevice, "the device says that its transfers are of 0 bytes");
  }
  CO_TRY_STATUS(co_await with_timeout(kRequestLimit, connection.claim(alternate.interface)));
  co_return co_await with_timeout(kRequestLimit,
                                  connection.select(alternate.interface, alternate.alternate));
}

Task<Result<std::unique_ptr<Dfuse>>> Dfuse::open(UsbConnection& connection, DfuAlternate alternate,
                                                 DfuseBlocks blocks) {
  CO_TRY_STATUS(co_await select(connection, alternate));
  CO_TRY(const std::string text,
         co_await with_timeout(kRequestLimit, read_string(connection, alternate.name_index)));
  CO_TRY(Layout layout, parse_layout(text));
  std::unique_ptr<Dfuse> dfuse(new Dfuse(connection, alternate, blocks, std::move(layout)));
  CO_TRY_STATUS(co_await dfuse->to_idle());
  co_return dfuse;
}

Task<Result<std::unique_ptr<Dfuse>>> Dfuse::open_for_ram(UsbConnection& connection,
                                                         DfuAlternate alternate) {
  CO_TRY_STATUS(co_await select(connection, alternate));
  std::unique_ptr<Dfuse> dfuse(new Dfuse(connection, alternate, DfuseBlocks::kIncrement, {}));
  CO_TRY_STATUS(co_await dfuse->to_idle());
  co_return dfuse;
}

Dfuse::Dfuse(UsbConnection& connection, DfuAlternate alternate, DfuseBlocks blocks, Layout layout)
    : connection_(connection),
      alternate_(alternate),
      blocks_(blocks),
      block_size_(std::min<std::size_t>(alternate.transfer_size, kControlBytesMax)),
      layout_(std::move(layout)) {}

Task<Status> Dfuse::to_idle() {
  const auto work = [](Dfuse& dfuse) -> Task<Status> {
    while (true) {
      CO_TRY(const DfuStatus status, co_await dfuse.get_status());
      switch (status.state) {
        case DfuState::kIdle:
          co_return Status();
        case DfuState::kError:
          CO_TRY_STATUS(co_await dfuse.clear_status());
          break;
        case DfuState::kDownloadIdle:
        case DfuState::kUploadIdle:
        case DfuState::kDownloadSync:
        case DfuState::kManifestSync:
          CO_TRY_STATUS(co_await dfuse.abort());
          break;
        case DfuState::kDownloadBusy:
        case DfuState::kManifest:
          break;  // it ends by itself
        case DfuState::kAppIdle:
        case DfuState::kAppDetach:
        case DfuState::kManifestWaitReset:
          co_return Error(Code::kUnsupported, "the device is in {}: it needs a reset",
                          dfu_state_name(status.state));
        default:
          co_return Error(Code::kDevice, "the device says that it is in state {}",
                          static_cast<int>(status.state));
      }
      CO_TRY_STATUS(co_await sleep_for(std::max(status.poll_timeout, kPollLeast)));
    }
  };
  co_return (co_await with_timeout(kToIdleLimit, work(*this))).with_context("to dfuIDLE");
}

Task<Status> Dfuse::erase_page(std::uint32_t address) {
  const LayoutSegment* segment = layout_.segment_at(address);
  if (segment == nullptr || !segment->erasable) {
    co_return Error(Code::kInvalid, "0x{:08x} is in no memory that can be erased", address);
  }
  co_return (co_await command(command_with_address(kErase, address), kBlockLimit))
      .with_context(at("erase", address));
}

Task<Status> Dfuse::erase_all() {
  co_return (co_await command({kErase}, kEraseAllLimit)).with_context("erase all");
}

Task<Status> Dfuse::write(std::uint32_t address, ByteVector bytes) {
  const LayoutSegment* segment = layout_.segment_at(address);
  if (segment == nullptr || !segment->writable || !layout_.holds(address, bytes.size())) {
    co_return Error(Code::kInvalid, "{} bytes at 0x{:08x} are outside of what can be written",
                    bytes.size(), address);
  }
  co_return co_await write_ram(address, std::move(bytes));
}

Task<Status> Dfuse::write_ram(std::uint32_t address, ByteVector bytes) {
  std::uint32_t block = 0;
  for (std::size_t done = 0; done < bytes.size(); done += block_size_, ++block) {
    const std::uint32_t block_address = address + static_cast<std::uint32_t>(done);
    if (blocks_ == DfuseBlocks::kAddressEach || block == kBlocksMax) block = 0;
    if (block == 0) CO_TRY_STATUS(co_await set_address(block_address));
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(done);
    const auto size = std::min(block_size_, bytes.size() - done);
    ByteVector part(from, from + static_cast<std::ptrdiff_t>(size));
    const auto number = static_cast<std::uint16_t>(kFirstDataBlock + block);
    CO_TRY_STATUS((co_await with_timeout(kBlockLimit, write_block(number, std::move(part))))
                      .with_context(at("write", block_address)));
  }
  co_return Status();
}

Task<Result<ByteVector>> Dfuse::read(std::uint32_t address, std::size_t size) {
  const LayoutSegment* segment = layout_.segment_at(address);
  if (segment == nullptr || !segment->readable || !layout_.holds(address, size)) {
    co_return Error(Code::kInvalid, "{} bytes at 0x{:08x} are outside of what can be read", size,
                    address);
  }
  co_return co_await read_ram(address, size);
}

Task<Result<ByteVector>> Dfuse::read_ram(std::uint32_t address, std::size_t size) {
  ByteVector bytes;
  std::uint32_t block = 0;
  while (bytes.size() < size) {
    const std::uint32_t block_address = address + static_cast<std::uint32_t>(bytes.size());
    if (blocks_ == DfuseBlocks::kAddressEach || block == kBlocksMax) block = 0;
    if (block == 0) {
      CO_TRY_STATUS(co_await set_address(block_address));
      // An upload begins in dfuIDLE, and the command has left it.
      CO_TRY_STATUS(co_await abort());
    }
    const std::size_t wanted = std::min(block_size_, size - bytes.size());
    const auto number = static_cast<std::uint16_t>(kFirstDataBlock + block++);
    auto part = co_await upload(number, wanted);
    if (!part) co_return std::move(part).with_context(at("read", block_address));
    if (part->size() != wanted) {
      co_return Error(Code::kDevice, "read 0x{:08x}: {} bytes came instead of {}", block_address,
                      part->size(), wanted);
    }
    bytes.insert(bytes.end(), part->begin(), part->end());
    if (blocks_ == DfuseBlocks::kAddressEach) CO_TRY_STATUS(co_await abort());
  }
  CO_TRY_STATUS(co_await abort());
  co_return bytes;
}

Task<Status> Dfuse::leave(std::uint32_t address) {
  CO_TRY_STATUS(co_await set_address(address));
  CO_TRY_STATUS((co_await request(kDownload, kFirstDataBlock, {})).with_context("leave"));
  was_told_to_leave_ = true;
  auto status = co_await get_status();
  // Some devices are gone before they have answered.
  if (status.failed_with(Code::kUnplugged)) co_return Status();
  if (!status) co_return std::move(status).error().with_context("leave");
  if (status->state == DfuState::kError) {
    was_told_to_leave_ = false;
    co_return (co_await failure(*status)).with_context("leave");
  }
  co_return Status();
}

Task<Result<ByteVector>> Dfuse::commands() {
  CO_TRY_STATUS(co_await to_idle());
  auto bytes = co_await upload(0, std::min<std::size_t>(block_size_, 255));
  if (!bytes) co_return std::move(bytes).with_context("commands");
  CO_TRY_STATUS(co_await to_idle());
  co_return bytes;
}

Task<Result<DfuStatus>> Dfuse::get_status() {
  CO_TRY(const ByteVector bytes,
         co_await with_timeout(
             kRequestLimit,
             connection_.control_in({kFromInterface, kGetStatus, 0, alternate_.interface}, 6)));
  ByteReader reader(bytes);
  DfuStatus status;
  status.status = reader.u8();
  status.poll_timeout = std::chrono::milliseconds(reader.u24_le());
  status.state = static_cast<DfuState>(reader.u8());
  status.text_index = reader.u8();
  if (!reader.complete()) {
    co_return Error(Code::kDevice, "the device's status is {}: too short", to_hex(bytes));
  }
  co_return status;
}

Task<Status> Dfuse::request(std::uint8_t request, std::uint16_t value, ByteVector bytes) {
  co_return co_await with_timeout(
      kRequestLimit, connection_.control_out({kToInterface, request, value, alternate_.interface},
                                             std::move(bytes)));
}

Task<Result<ByteVector>> Dfuse::upload(std::uint16_t block, std::size_t size) {
  co_return co_await with_timeout(
      kRequestLimit,
      connection_.control_in({kFromInterface, kUpload, block, alternate_.interface}, size));
}

Task<Status> Dfuse::abort() {
  return request(kAbort, 0, {});
}

Task<Status> Dfuse::clear_status() {
  return request(kClearStatus, 0, {});
}

Task<Status> Dfuse::set_address(std::uint32_t address) {
  co_return (co_await command(command_with_address(kSetAddress, address), kBlockLimit))
      .with_context(at("set address", address));
}

Task<Status> Dfuse::command(ByteVector bytes, Duration limit) {
  co_return co_await with_timeout(limit, write_block(0, std::move(bytes)));
}

Task<Status> Dfuse::write_block(std::uint16_t block, ByteVector bytes) {
  const Status sent = co_await request(kDownload, block, std::move(bytes));
  if (sent) co_return co_await wait_done();
  if (!sent.failed_with(Code::kStalled)) co_return sent;
  // A device that refuses says why when it is asked. If it has no reason, the block is still not
  // taken, whatever state the block before has left.
  CO_TRY(const DfuStatus status, co_await get_status());
  if (status.state == DfuState::kError || status.status != 0) co_return co_await failure(status);
  co_return sent;
}

Task<Status> Dfuse::wait_done() {
  Duration pause = kPollLeast;
  for (int refusals = 0;;) {
    const auto answer = co_await get_status();
    if (answer.failed_with(Code::kStalled) && ++refusals <= kBusyRefusalsMax) {
      CO_TRY_STATUS(co_await sleep_for(pause));
      continue;
    }
    CO_TRY(const DfuStatus status, answer);
    if (status.state == DfuState::kDownloadIdle) co_return Status();
    if (status.state == DfuState::kError || status.status != 0) co_return co_await failure(status);
    if (status.state != DfuState::kDownloadBusy && status.state != DfuState::kDownloadSync) {
      co_return Error(Code::kDevice, "the device is in {} after a download",
                      dfu_state_name(status.state));
    }
    pause = std::max(status.poll_timeout, kPollLeast);
    CO_TRY_STATUS(co_await sleep_for(pause));
  }
}

Task<Error> Dfuse::failure(DfuStatus status) {
  std::string text = fmt::format("the device reports {}", dfu_status_name(status.status));
  if (status.text_index != 0) {
    const auto said =
        co_await with_timeout(kRequestLimit, read_string(connection_, status.text_index));
    if (said) text += fmt::format(" ({})", *said);
  }
  co_return Error(Code::kDevice, std::move(text));
}

}  // namespace gangd
