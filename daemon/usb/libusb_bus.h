// The real bus. Its own tasks keep the list of devices: a look each second, and at once when
// libusb's hotplug says so, which is a hint only (messages get lost).
#pragma once

#include <memory>
#include <string>

#include "loop/epoll_port.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "usb/usb.h"

namespace gangd {

class LibusbBus final : public Usb {
 public:
  // kIo, with the reason, when libusb cannot start.
  static Result<std::unique_ptr<LibusbBus>> open(Loop& loop, EpollPort& port);
  // After stop(); all connections are closed.
  ~LibusbBus() override;

  // co_await before destruction.
  Task<> stop();

  const std::vector<UsbDevice>& devices() const override;
  std::uint64_t revision() const override;
  Task<Status> changed(std::uint64_t seen) override;
  Task<Result<std::unique_ptr<UsbConnection>>> open(std::uint64_t arrival) override;
  Task<Status> set_port_power(UsbPath port, bool on) override;

 private:
  class Libusb;
  explicit LibusbBus(std::unique_ptr<Libusb> libusb);

  std::unique_ptr<Libusb> libusb_;
};

}  // namespace gangd
