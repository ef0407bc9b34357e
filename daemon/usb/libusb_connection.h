// An open device, through libusb. Transfers are asynchronous and end on the loop; what blocks in
// the kernel (claim, select, reset) runs on a worker.
#pragma once

#include <libusb-1.0/libusb.h>

#include <memory>
#include <set>

#include "loop/epoll_port.h"
#include "usb/transfer_budget.h"
#include "usb/usb.h"

namespace gangd {

// What a return value of libusb means to a caller; `what` is what was tried.
Error libusb_failure(int code, std::string_view what);

// What goes on at all boards. While some are patient, and nobody waits for a control transfer, what
// ends is gathered.
class LibusbTraffic {
 public:
  // The port must outlive it.
  explicit LibusbTraffic(EpollPort& port) : port_(port) {}

  // Counts a control transfer as long as it lives.
  class Control {
   public:
    Control(LibusbTraffic& traffic, std::uint8_t endpoint);
    ~Control();
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

   private:
    LibusbTraffic& traffic_;
    const bool counts_;
  };

  // Of one board; 0: it has none.
  void change_patience(Duration from, Duration to);

 private:
  void gather();

  EpollPort& port_;
  int controls_ = 0;
  std::multiset<Duration> patiences_;
};

class LibusbConnection final : public UsbConnection {
 public:
  // Takes over the handle; the others must outlive it.
  LibusbConnection(libusb_device_handle* handle, UsbDevice device, Workers& workers,
                   TransferBudget& budget, LibusbTraffic& traffic);
  ~LibusbConnection() override;

  // Reads the configuration; once, before anything else.
  Task<Status> introduce();

  const UsbDevice& device() const override { return device_; }
  const ByteVector& configuration() const override { return configuration_; }
  Task<Status> claim(std::uint8_t interface) override;
  Task<Status> select(std::uint8_t interface, std::uint8_t alternate) override;
  Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) override;
  Task<Status> control_out(UsbRequest request, ByteVector bytes) override;
  Task<Result<ByteVector>> bulk_in(std::uint8_t endpoint, std::size_t bytes_max) override;
  Task<Status> bulk_out(std::uint8_t endpoint, ByteVector bytes) override;
  void set_patience(Duration patience) override;
  Task<Status> clear_halt(std::uint8_t endpoint) override;
  Task<Status> reset() override;

 private:
  // `buffer` is the whole transfer: for control, the setup bytes come first.
  Task<Result<ByteVector>> transfer(std::uint8_t endpoint, TransferBudget::Way way,
                                    ByteVector buffer);

  libusb_device_handle* const handle_;
  const UsbDevice device_;
  Workers& workers_;
  TransferBudget& budget_;
  LibusbTraffic& traffic_;
  ByteVector configuration_;
  Duration patience_{};
};

}  // namespace gangd
