#include "wire/ram_start.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "loop/deadline.h"
#include "wire/dfu.h"
#include "wire/dfuse.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// As on the other wires: more of them are a bad cable, which a person must see.
constexpr int kFaultsMax = 4;
// Of 64 KB at full speed, with a host that sets the address for each block of 1 KB: some 3 s.
constexpr Duration kLoadLimit = 60s;
constexpr Duration kResetLimit = 10s;
constexpr Duration kLeaveLimit = 15s;
// So often progress is told.
constexpr std::size_t kStepBytes = 4096;

bool is_fault_of_the_bus(Code code) {
  return code == Code::kStalled || code == Code::kTransfer || code == Code::kTimeout;
}

// The first memory: that a ROM's bootloader has others changes nothing for the RAM, of which most
// tell no layout at all.
Result<DfuAlternate> find_bootloader(ByteView configuration) {
  TRY(const std::vector<DfuAlternate> all, find_dfu(configuration));
  for (const DfuAlternate& each : all) {
    if (each.in_dfu_mode && each.is_dfuse()) return each;
  }
  return Error(Code::kUnsupported, "the device has no DFU with ST's extensions");
}

class Loading {
 public:
  Loading(UsbConnection& connection, DfuAlternate alternate, const std::vector<RamPiece>& pieces,
          std::uint32_t entry, Progress progress)
      : connection_(connection),
        alternate_(alternate),
        pieces_(pieces),
        entry_(entry),
        progress_(std::move(progress)) {}

  Task<Status> run() {
    while (true) {
      const Status status = co_await once();
      if (status || is_told_) co_return Status();
      if (!is_fault_of_the_bus(status.error().code()) || faults_left_ == 0) co_return status;
      --faults_left_;
      // A stall is the device's word, and it answers the next request.
      if (status.failed_with(Code::kStalled)) continue;
      CO_TRY_STATUS((co_await with_timeout(kResetLimit, connection_.reset()))
                        .with_context(status.error().message()));
    }
  }

 private:
  Task<Status> once() {
    done_ = 0;
    CO_TRY(dfuse_, co_await Dfuse::open_for_ram(connection_, alternate_));
    for (const RamPiece& piece : pieces_) CO_TRY_STATUS(co_await write(piece));
    CO_TRY_STATUS(co_await dfuse_->to_idle());
    for (const RamPiece& piece : pieces_) CO_TRY_STATUS(co_await compare(piece));
    const Status left = co_await dfuse_->leave(entry_);
    // Some are gone before they have said so; whether it went, the bus will show.
    is_told_ = left || dfuse_->was_told_to_leave();
    if (left.failed_with(Code::kCancelled)) is_told_ = false;
    co_return left;
  }

  Task<Status> write(const RamPiece& piece) {
    for (std::size_t at = 0; at < piece.bytes.size(); at += kStepBytes) {
      ByteVector part = part_of(piece, at);
      const std::size_t size = part.size();
      CO_TRY_STATUS(co_await dfuse_->write_ram(address_of(piece, at), std::move(part)));
      tell(size);
    }
    co_return Status();
  }

  Task<Status> compare(const RamPiece& piece) {
    for (std::size_t at = 0; at < piece.bytes.size(); at += kStepBytes) {
      const ByteVector meant = part_of(piece, at);
      CO_TRY(const ByteVector held, co_await dfuse_->read_ram(address_of(piece, at), meant.size()));
      if (held != meant) {
        co_return Error(Code::kMismatch,
                        "the RAM at 0x{:08x} does not hold what was written: the board is broken, "
                        "or its ROM is of a version that cannot write there",
                        address_of(piece, at));
      }
      tell(meant.size());
    }
    co_return Status();
  }

  static std::uint32_t address_of(const RamPiece& piece, std::size_t at) {
    return piece.address + static_cast<std::uint32_t>(at);
  }
  static ByteVector part_of(const RamPiece& piece, std::size_t at) {
    const ByteView part =
        ByteView(piece.bytes).subspan(at, std::min(kStepBytes, piece.bytes.size() - at));
    return {part.begin(), part.end()};
  }
  // Only what is further than any round before was.
  void tell(std::size_t bytes) {
    done_ += bytes;
    if (done_ <= told_) return;
    progress_(done_ - told_);
    told_ = done_;
  }

  UsbConnection& connection_;
  const DfuAlternate alternate_;
  const std::vector<RamPiece>& pieces_;
  const std::uint32_t entry_;
  const Progress progress_;
  std::unique_ptr<Dfuse> dfuse_;
  int faults_left_ = kFaultsMax;
  bool is_told_ = false;
  std::uint64_t done_ = 0;
  std::uint64_t told_ = 0;
};

Task<Status> leave(UsbConnection& connection, DfuAlternate alternate, std::uint32_t address) {
  CO_TRY(const std::unique_ptr<Dfuse> dfuse, co_await Dfuse::open_for_ram(connection, alternate));
  const Status left = co_await dfuse->leave(address);
  if (!left && is_fault_of_the_bus(left.error().code()) && dfuse->was_told_to_leave()) {
    co_return Status();
  }
  co_return left;
}

}  // namespace

bool starts_from_ram(ByteView configuration) {
  return find_bootloader(configuration).has_value();
}

Task<Status> start_from_ram(UsbConnection& connection, const std::vector<RamPiece>& pieces,
                            std::uint32_t entry, Progress progress) {
  for (const RamPiece& piece : pieces) {
    CHECK(piece.address % kRomWriteUnit == 0 && piece.bytes.size() % kRomWriteUnit == 0);
  }
  CO_TRY(const DfuAlternate alternate, find_bootloader(connection.configuration()));
  Loading loading(connection, alternate, pieces, entry, std::move(progress));
  co_return co_await with_timeout(kLoadLimit, loading.run());
}

Task<Status> start_application(UsbConnection& connection, std::uint32_t address) {
  CO_TRY(const DfuAlternate alternate, find_bootloader(connection.configuration()));
  co_return co_await with_timeout(kLeaveLimit, leave(connection, alternate, address));
}

}  // namespace gangd
