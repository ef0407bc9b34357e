// Usb: the bus as the daemon sees it. Two implementations: LibusbBus, and the simulated bus, whose
// boards run the firmware that ships on chip models.
//
// A place on the bus is known by its controller and its chain of ports, which a cable keeps; never
// by a USB serial number, which many boards share. All functions belong to the loop thread.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "loop/task.h"

namespace gangd {

// `0000:00:14.0/2.4.1`: the controller's place in the machine, and the ports from its root hub
// down.
struct UsbPath {
  std::string controller;
  std::vector<std::uint8_t> ports;  // empty: the root hub itself

  std::string to_string() const;
  // kInvalid, with what such a path looks like.
  static Result<UsbPath> parse(std::string_view text);

  // Port 10 comes after port 9: chains are compared number by number.
  auto operator<=>(const UsbPath&) const = default;
};

enum class UsbSpeed { kUnknown, kLow, kFull, kHigh, kSuper };

struct UsbDevice {
  UsbPath path;
  // Grows with each device that comes: another number at the same path is another plug-in, even if
  // nobody saw the place empty.
  std::uint64_t arrival = 0;
  std::uint16_t vendor = 0;
  std::uint16_t product = 0;
  std::uint16_t release = 0;
  UsbSpeed speed = UsbSpeed::kUnknown;
  std::uint8_t hub_ports = 0;  // a hub's number of ports, if it is one and they are known

  bool is_hub = false;
};

// The eight bytes that begin a control transfer, but for the length, which the data gives.
struct UsbRequest {
  std::uint8_t type = 0;  // bmRequestType
  std::uint8_t request = 0;
  std::uint16_t value = 0;
  std::uint16_t index = 0;
};

// The longest data stage of a control transfer that Linux and libusb allow.
constexpr std::size_t kControlBytesMax = 4096;

// An open device. What it returns: kUnplugged once it has gone, for ever; kStalled when the device
// refuses; kTransfer when the bus does, or there is no such endpoint. A transfer waits while the
// kernel lends no more memory.
// Every wait ends when its context is cancelled, and not before the buffer is back; for a limit in
// time use with_timeout(). Nothing may be waiting when it is destroyed, which closes the device.
class UsbConnection {
 public:
  virtual ~UsbConnection() = default;

  virtual const UsbDevice& device() const = 0;
  // The active configuration as the device describes it: interfaces, endpoints, class descriptors.
  virtual const ByteVector& configuration() const = 0;

  // kBusy: another program, or another connection, holds the interface.
  virtual Task<Status> claim(std::uint8_t interface) = 0;
  virtual Task<Status> select(std::uint8_t interface, std::uint8_t alternate) = 0;

  // At most kControlBytesMax bytes; what the device gives may be fewer.
  virtual Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) = 0;
  virtual Task<Status> control_out(UsbRequest request, ByteVector bytes) = 0;

  // `endpoint` is its address, with bit 7 for IN. A short packet ends a read.
  virtual Task<Result<ByteVector>> bulk_in(std::uint8_t endpoint, std::size_t bytes_max) = 0;
  virtual Task<Status> bulk_out(std::uint8_t endpoint, ByteVector bytes) = 0;
  // How long it may go unnoticed that a transfer has ended, for the board has enough to do: looking
  // for each of them costs more than sending it. 0, as in the beginning: not at all. Of use only
  // where looking costs anything.
  virtual void set_patience(Duration) {}

  // Ends the halt of an endpoint that has stalled.
  virtual Task<Status> clear_halt(std::uint8_t endpoint) = 0;
  // Resets the port. kUnplugged: the device came back as another one, or not at all.
  virtual Task<Status> reset() = 0;
};

class Usb {
 public:
  virtual ~Usb() = default;

  // What is plugged in now, hubs included, in order of path.
  virtual const std::vector<UsbDevice>& devices() const = 0;
  // Grows with each change of devices().
  virtual std::uint64_t revision() const = 0;
  // Waits until revision() is another than `seen`. Changes are never lost, for they are not queued:
  // whoever was busy looks at devices() and compares arrivals.
  virtual Task<Status> changed(std::uint64_t seen) = 0;

  // The device that `arrival` names. kUnplugged when it has gone; kInvalid when this user may not.
  virtual Task<Result<std::unique_ptr<UsbConnection>>> open(std::uint64_t arrival) = 0;

  // Switches the power of a hub's port. kUnsupported by many hubs, and by those that say they can.
  virtual Task<Status> set_port_power(UsbPath port, bool on) = 0;
};

// A string descriptor in its first language, as UTF-8. Index 0 is no string: empty.
Task<Result<std::string>> read_string(UsbConnection& connection, std::uint8_t index);

}  // namespace gangd
