#include "usb/libusb_connection.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/check.h"
#include "loop/offload.h"
#include "loop/sleep.h"

namespace gangd {
namespace {

constexpr std::uint8_t kGetDescriptor = 6;
constexpr std::uint8_t kConfigurationDescriptor = 2;
constexpr std::size_t kConfigurationHeader = 9;
// What other programs have borrowed comes back at some time.
constexpr Duration kLendPause = std::chrono::milliseconds(5);

std::optional<Error> failure_of(const libusb_transfer& transfer) {
  switch (transfer.status) {
    case LIBUSB_TRANSFER_COMPLETED:
      return {};
    case LIBUSB_TRANSFER_CANCELLED:
      return cancelled();
    case LIBUSB_TRANSFER_STALL:
      return Error(Code::kStalled, "stalled");
    case LIBUSB_TRANSFER_NO_DEVICE:
      return Error(Code::kUnplugged, "unplugged");
    case LIBUSB_TRANSFER_OVERFLOW:
      return Error(Code::kDevice, "the device sent more than was asked");
    case LIBUSB_TRANSFER_TIMED_OUT:
      return Error(Code::kTimeout, "timed out");
    case LIBUSB_TRANSFER_ERROR:
      break;
  }
  return Error(Code::kTransfer, "the transfer failed on the bus");
}

// One transfer. libusb has the buffer from start() until done(), whatever is cancelled meanwhile.
class TransferLeaf : public Leaf {
 public:
  TransferLeaf(libusb_device_handle* handle, std::uint8_t endpoint, ByteVector buffer)
      : transfer_(libusb_alloc_transfer(0)), buffer_(std::move(buffer)) {
    CHECK(transfer_ != nullptr, "no memory");
    const int size = static_cast<int>(buffer_.size());
    if (endpoint == 0) {
      libusb_fill_control_transfer(transfer_, handle, buffer_.data(), done, this, 0);
    } else {
      libusb_fill_bulk_transfer(transfer_, handle, endpoint, buffer_.data(), size, done, this, 0);
    }
  }
  ~TransferLeaf() override { libusb_free_transfer(transfer_); }

  // The bytes that were transferred; for control, without the setup.
  Result<ByteVector> await_resume() {
    if (refused()) return cancelled();
    if (failure_) return *std::move(failure_);
    if (transfer_->type == LIBUSB_TRANSFER_TYPE_CONTROL) {
      buffer_.erase(buffer_.begin(), buffer_.begin() + LIBUSB_CONTROL_SETUP_SIZE);
    }
    buffer_.resize(static_cast<std::size_t>(transfer_->actual_length));
    return std::move(buffer_);
  }
  // Of a transfer that has not begun.
  ByteVector take_buffer() { return std::move(buffer_); }

 private:
  bool start() override {
    const int code = libusb_submit_transfer(transfer_);
    if (code == LIBUSB_SUCCESS) return true;
    failure_ = libusb_failure(code, "submit");
    return false;
  }
  void abort() override {
    // Fails only if it has ended already; done() comes in either case.
    (void)libusb_cancel_transfer(transfer_);
  }
  static void LIBUSB_CALL done(libusb_transfer* transfer) {
    auto& leaf = *static_cast<TransferLeaf*>(transfer->user_data);
    leaf.failure_ = failure_of(*transfer);
    leaf.resolve();
  }

  libusb_transfer* const transfer_;
  ByteVector buffer_;
  std::optional<Error> failure_;
};

ByteVector with_setup(UsbRequest request, const ByteVector& bytes) {
  ByteWriter writer;
  writer.u8(request.type).u8(request.request).u16_le(request.value).u16_le(request.index);
  writer.u16_le(static_cast<std::uint16_t>(bytes.size())).bytes(bytes);
  return std::move(writer).take();
}

}  // namespace

Error libusb_failure(int code, std::string_view what) {
  switch (code) {
    case LIBUSB_ERROR_ACCESS:
      return Error(Code::kInvalid, "{}: no permission; add the udev rule for these boards", what);
    case LIBUSB_ERROR_NO_DEVICE:
      return Error(Code::kUnplugged, "{}: unplugged", what);
    case LIBUSB_ERROR_BUSY:
      return Error(Code::kBusy, "{}: another program holds it", what);
    case LIBUSB_ERROR_NO_MEM:
      return Error(Code::kExhausted,
                   "{}: the kernel lends no more memory (usbcore.usbfs_memory_mb)", what);
    case LIBUSB_ERROR_NOT_FOUND:
      return Error(Code::kNotFound, "{}: there is no such thing", what);
    case LIBUSB_ERROR_NOT_SUPPORTED:
      return Error(Code::kUnsupported, "{}: not supported", what);
    default:
      return Error(Code::kTransfer, "{}: {}", what, libusb_strerror(code));
  }
}

LibusbTraffic::Control::Control(LibusbTraffic& traffic, std::uint8_t endpoint)
    : traffic_(traffic), counts_(endpoint == 0) {
  if (!counts_) return;
  ++traffic_.controls_;
  traffic_.gather();
}

LibusbTraffic::Control::~Control() {
  if (!counts_) return;
  --traffic_.controls_;
  traffic_.gather();
}

void LibusbTraffic::change_patience(Duration from, Duration to) {
  if (const auto at = patiences_.find(from); at != patiences_.end()) patiences_.erase(at);
  if (to > Duration::zero()) patiences_.insert(to);
  gather();
}

// The least patient says how often.
void LibusbTraffic::gather() {
  const bool may_wait = controls_ == 0 && !patiences_.empty();
  port_.gather(may_wait ? *patiences_.begin() : Duration::zero());
}

LibusbConnection::LibusbConnection(libusb_device_handle* handle, UsbDevice device, Workers& workers,
                                   TransferBudget& budget, LibusbTraffic& traffic)
    : handle_(handle),
      device_(std::move(device)),
      workers_(workers),
      budget_(budget),
      traffic_(traffic) {}

LibusbConnection::~LibusbConnection() {
  set_patience({});
  libusb_close(handle_);
}

Task<Result<ByteVector>> LibusbConnection::transfer(std::uint8_t endpoint, TransferBudget::Way way,
                                                    ByteVector buffer) {
  while (true) {
    CO_TRY(const TransferBudget::Loan loan,
           co_await budget_.borrow(device_.arrival, way, buffer.size()));
    const LibusbTraffic::Control control(traffic_, endpoint);
    TransferLeaf leaf(handle_, endpoint, std::move(buffer));
    auto outcome = co_await leaf;
    if (!outcome.failed_with(Code::kExhausted)) co_return outcome;
    buffer = leaf.take_buffer();
    CO_TRY_STATUS(co_await sleep_for(kLendPause));
  }
}

Task<Status> LibusbConnection::introduce() {
  constexpr UsbRequest kRequest = {0x80, kGetDescriptor, kConfigurationDescriptor << 8, 0};
  CO_TRY(const ByteVector header, co_await control_in(kRequest, kConfigurationHeader));
  ByteReader reader(header);
  reader.skip(2);
  const std::size_t size = reader.u16_le();
  if (!reader.complete() || size < kConfigurationHeader) {
    co_return Error(Code::kDevice, "the configuration descriptor is broken: {}", to_hex(header));
  }
  CO_TRY(configuration_, co_await control_in(kRequest, std::min(size, kControlBytesMax)));
  co_return Status();
}

Task<Status> LibusbConnection::claim(std::uint8_t interface) {
  libusb_device_handle* const handle = handle_;
  co_return co_await offload(workers_, [handle, interface]() -> Status {
    const int code = libusb_claim_interface(handle, interface);
    if (code != LIBUSB_SUCCESS) return libusb_failure(code, fmt::format("interface {}", interface));
    return {};
  });
}

Task<Status> LibusbConnection::select(std::uint8_t interface, std::uint8_t alternate) {
  libusb_device_handle* const handle = handle_;
  co_return co_await offload(workers_, [handle, interface, alternate]() -> Status {
    const int code = libusb_set_interface_alt_setting(handle, interface, alternate);
    if (code != LIBUSB_SUCCESS) {
      return libusb_failure(code, fmt::format("interface {} alternate {}", interface, alternate));
    }
    return {};
  });
}

Task<Result<ByteVector>> LibusbConnection::control_in(UsbRequest request, std::size_t bytes_max) {
  CHECK(bytes_max <= kControlBytesMax && (request.type & 0x80) != 0);
  return transfer(0, TransferBudget::Way::kOther, with_setup(request, ByteVector(bytes_max)));
}

Task<Status> LibusbConnection::control_out(UsbRequest request, ByteVector bytes) {
  CHECK(bytes.size() <= kControlBytesMax && (request.type & 0x80) == 0);
  CO_TRY(const ByteVector sent,
         co_await transfer(0, TransferBudget::Way::kOther, with_setup(request, bytes)));
  if (sent.size() != bytes.size()) {
    co_return Error(Code::kTransfer, "{} of {} bytes were sent", sent.size(), bytes.size());
  }
  co_return Status();
}

Task<Result<ByteVector>> LibusbConnection::bulk_in(std::uint8_t endpoint, std::size_t bytes_max) {
  CHECK((endpoint & 0x80) != 0);
  return transfer(endpoint, TransferBudget::Way::kIn, ByteVector(bytes_max));
}

Task<Status> LibusbConnection::bulk_out(std::uint8_t endpoint, ByteVector bytes) {
  CHECK((endpoint & 0x80) == 0 && endpoint != 0);
  const std::size_t size = bytes.size();
  CO_TRY(const ByteVector sent,
         co_await transfer(endpoint, TransferBudget::Way::kOther, std::move(bytes)));
  if (sent.size() != size) {
    co_return Error(Code::kTransfer, "{} of {} bytes were sent", sent.size(), size);
  }
  co_return Status();
}

void LibusbConnection::set_patience(Duration patience) {
  if (patience == patience_) return;
  traffic_.change_patience(std::exchange(patience_, patience), patience);
}

Task<Status> LibusbConnection::clear_halt(std::uint8_t endpoint) {
  libusb_device_handle* const handle = handle_;
  co_return co_await offload(workers_, [handle, endpoint]() -> Status {
    const int code = libusb_clear_halt(handle, endpoint);
    if (code != LIBUSB_SUCCESS) return libusb_failure(code, fmt::format("endpoint {}", endpoint));
    return {};
  });
}

Task<Status> LibusbConnection::reset() {
  libusb_device_handle* const handle = handle_;
  co_return co_await offload(workers_, [handle]() -> Status {
    const int code = libusb_reset_device(handle);
    // libusb's word for a device that came back as another one.
    if (code == LIBUSB_ERROR_NOT_FOUND) return Error(Code::kUnplugged, "reset: it has gone");
    if (code != LIBUSB_SUCCESS) return libusb_failure(code, "reset");
    return {};
  });
}

}  // namespace gangd
