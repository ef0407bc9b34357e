#include "wire/dfuse_wire.h"

#include <algorithm>
#include <cctype>

#include "base/check.h"
#include "loop/deadline.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// One operation between two steps of progress. Setting the address again costs two requests, which
// is little beside the eight blocks of the usual 4096 bytes.
constexpr std::size_t kPieceBytes = 32 * 1024;
// Faults of the bus that one attempt survives: more of them are a bad cable, which a person must
// see.
constexpr int kFaultsMax = 4;
constexpr Duration kRecoverLimit = 60s;
constexpr Duration kRequestLimit = 5s;
constexpr std::size_t kUidDigits = 24;

constexpr UsbRequest kGetDeviceDescriptor = {0x80, 6, 0x0100, 0};
constexpr std::size_t kDeviceDescriptorBytes = 18;
constexpr std::size_t kSerialIndexAt = 16;

bool is_fault_of_the_bus(Code code) {
  return code == Code::kStalled || code == Code::kTransfer || code == Code::kTimeout;
}

std::vector<DfuAlternate> dfuse_alternates(std::vector<DfuAlternate> all) {
  std::erase_if(all,
                [](const DfuAlternate& each) { return !each.in_dfu_mode || !each.is_dfuse(); });
  return all;
}

}  // namespace

bool DfuseWire::is_spoken(ByteView configuration) {
  auto found = find_dfu(configuration);
  return found && !dfuse_alternates(*std::move(found)).empty();
}

Task<Result<std::unique_ptr<Wire>>> DfuseWire::open(UsbConnection& connection) {
  CO_TRY(std::vector<DfuAlternate> found, find_dfu(connection.configuration()));
  std::unique_ptr<DfuseWire> wire(new DfuseWire(connection, dfuse_alternates(std::move(found))));
  CO_TRY_STATUS(co_await wire->persist([&own = *wire] { return own.identify(); }));
  co_return std::unique_ptr<Wire>(std::move(wire));
}

DfuseWire::DfuseWire(UsbConnection& connection, std::vector<DfuAlternate> alternates)
    : connection_(connection), alternates_(std::move(alternates)), faults_left_(kFaultsMax) {}

Task<Status> DfuseWire::identify() {
  CO_TRY_STATUS(co_await read_uid());
  co_return co_await read_memories();
}

Task<Status> DfuseWire::read_uid() {
  CO_TRY(const ByteVector descriptor,
         co_await with_timeout(
             kRequestLimit, connection_.control_in(kGetDeviceDescriptor, kDeviceDescriptorBytes)));
  if (descriptor.size() != kDeviceDescriptorBytes) {
    co_return Error(Code::kDevice, "the device descriptor has {} bytes", descriptor.size());
  }
  CO_TRY(uid_, co_await with_timeout(kRequestLimit,
                                     read_string(connection_, descriptor[kSerialIndexAt])));
  const bool is_hex = std::ranges::all_of(
      uid_, [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; });
  if (uid_.size() != kUidDigits || !is_hex) {
    co_return Error(Code::kDevice,
                    "the board does not say which chip it has: its serial number is \"{}\", and "
                    "{} hexadecimal digits are due",
                    uid_, kUidDigits);
  }
  std::ranges::transform(uid_, uid_.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  co_return Status();
}

Task<Status> DfuseWire::read_memories() {
  memories_.clear();
  for (std::size_t i = 0; i < alternates_.size(); ++i) {
    CO_TRY_STATUS(co_await select(i));
    memories_.push_back(selected_->layout());
  }
  co_return Status();
}

Task<Status> DfuseWire::select(std::size_t memory) {
  if (selected_ != nullptr && selected_index_ == memory) co_return Status();
  selected_ = nullptr;
  CO_TRY(selected_,
         co_await Dfuse::open(connection_, alternates_[memory], DfuseBlocks::kIncrement));
  selected_index_ = memory;
  co_return Status();
}

Result<std::size_t> DfuseWire::memory_at(std::uint32_t address) const {
  for (std::size_t i = 0; i < memories_.size(); ++i) {
    if (memories_[i].segment_at(address) != nullptr) return i;
  }
  return Error(Code::kInvalid, "0x{:08x} is in no memory of the board", address);
}

Task<Status> DfuseWire::perform(std::uint32_t address, Operation operation) {
  CO_TRY(const std::size_t memory, memory_at(address));
  co_return co_await persist([this, memory, &operation]() -> Task<Status> {
    CO_TRY_STATUS(co_await select(memory));
    co_return co_await operation(*selected_);
  });
}

Task<Status> DfuseWire::persist(std::function<Task<Status>()> work) {
  while (true) {
    const Status status = co_await work();
    if (status || !is_fault_of_the_bus(status.error().code()) || faults_left_ == 0) {
      co_return status;
    }
    --faults_left_;
    selected_ = nullptr;
    CO_TRY_STATUS((co_await with_timeout(kRecoverLimit, recover(status.error().code())))
                      .with_context(status.error().message()));
  }
}

// A stall is the device's word, and it answers the next request; after anything else nobody knows
// what it has heard, and a reset begins anew.
Task<Status> DfuseWire::recover(Code code) {
  if (code == Code::kStalled) co_return Status();
  co_return (co_await connection_.reset()).with_context("reset");
}

Task<Status> DfuseWire::erase(std::uint32_t address, std::uint64_t size, Erase, Progress progress) {
  const std::uint64_t end = address + size;
  std::uint64_t at = address;
  while (at < end) {
    const auto page = static_cast<std::uint32_t>(at);
    CO_TRY(const std::size_t memory, memory_at(page));
    const LayoutSegment* segment = memories_[memory].segment_at(page);
    CHECK(segment != nullptr);
    const std::uint64_t page_end =
        segment->address + ((at - segment->address) / segment->page_size + 1) * segment->page_size;
    CO_TRY_STATUS(co_await perform(
        page, [page](Dfuse& dfuse) -> Task<Status> { return dfuse.erase_page(page); }));
    progress(std::min(page_end, end) - at);
    at = page_end;
  }
  co_return Status();
}

Task<Status> DfuseWire::write(std::uint32_t address, ByteView bytes, Progress progress) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ByteView piece = bytes.subspan(done, std::min(kPieceBytes, bytes.size() - done));
    const auto at = static_cast<std::uint32_t>(address + done);
    CO_TRY_STATUS(co_await perform(at, [at, piece](Dfuse& dfuse) -> Task<Status> {
      return dfuse.write(at, ByteVector(piece.begin(), piece.end()));
    }));
    done += piece.size();
    progress(piece.size());
  }
  co_return Status();
}

std::uint64_t DfuseWire::erase_unit(std::uint32_t address) const {
  const auto memory = memory_at(address);
  return memory ? memories_[*memory].segment_at(address)->page_size : 1;
}

Task<Result<std::vector<std::uint32_t>>> DfuseWire::digests(std::uint32_t, std::uint64_t) {
  co_return Error(Code::kUnsupported, "DfuSe has no digests");
}

Task<Result<DeviceProof>> DfuseWire::measure(std::uint32_t, std::uint64_t, ReadAs, Nonce,
                                             Progress) {
  co_return Error(Code::kUnsupported, "DfuSe has no hash");
}

Task<Result<Sha256Digest>> DfuseWire::read_back(std::uint32_t address, std::uint64_t size,
                                                Progress progress) {
  const auto read_piece = [](Dfuse& dfuse, std::uint32_t at, std::size_t bytes,
                             Sha256& hash) -> Task<Status> {
    CO_TRY(const ByteVector piece, co_await dfuse.read(at, bytes));
    hash.update(piece);
    co_return Status();
  };
  Sha256 hash;
  for (std::uint64_t done = 0; done < size;) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, size - done));
    const auto at = static_cast<std::uint32_t>(address + done);
    CO_TRY_STATUS(co_await perform(at, [&read_piece, at, piece, &hash](Dfuse& dfuse) {
      return read_piece(dfuse, at, piece, hash);
    }));
    done += piece;
    progress(piece);
  }
  co_return hash.finish();
}

}  // namespace gangd
