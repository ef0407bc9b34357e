// UsbDevice: a device that was enumerated, and what usbcore keeps for it: address, descriptors,
// configuration, alternate settings, and which open file has claimed which interface.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/linked_list.h"
#include "base/result.h"
#include "loop/task.h"
#include "tests/rig/descriptors.h"
#include "tests/rig/vrack/usb_port.h"

namespace gangd::rig {

// What the device said of itself.
struct Identity {
  ByteVector device;          // its descriptor
  ByteVector configurations;  // theirs, one after another
  std::string manufacturer, product, serial;

  bool operator==(const Identity&) const = default;

  std::uint16_t word(std::size_t offset) const {
    return static_cast<std::uint16_t>(device[offset] | device[offset + 1] << 8);
  }
  std::uint16_t vendor() const { return word(8); }
  std::uint16_t product_id() const { return word(10); }
  std::uint16_t release() const { return word(12); }
};

// Somebody who uses a device: an open file, or an importer.
class DeviceUser : public Link {
 public:
  // It has gone. Its user leaves it (Link::unlink) soon; until then it can be looked at.
  virtual void device_gone() = 0;
  // The program at the other end has closed it, or has ended.
  virtual bool has_hung_up() const = 0;

 protected:
  ~DeviceUser() = default;
};

class UsbDevice {
 public:
  using Owner = const DeviceUser*;

  UsbDevice(UsbPort& port, std::string name, std::uint32_t bus, std::uint32_t number,
            Identity identity)
      : port_(port),
        name_(std::move(name)),
        bus_(bus),
        number_(number),
        identity_(std::move(identity)) {}

  UsbPort& port() const { return port_; }
  const std::string& name() const { return name_; }
  std::uint32_t bus() const { return bus_; }
  std::uint32_t number() const { return number_; }
  const Identity& identity() const { return identity_; }
  std::uint8_t configuration() const { return configuration_; }
  // enum usb_device_speed
  std::uint32_t speed() const { return port_.high_speed() ? 3 : 2; }

  // In order of the descriptors; those of the active configuration only.
  std::vector<InterfaceSetting> settings() const;
  bool has_setting(std::uint8_t interface, std::uint8_t alternate) const;
  std::uint8_t alternate(std::uint8_t interface) const;
  // The endpoint as the active settings have it; 0 packet size if they do not.
  std::uint16_t packet_size(std::uint8_t endpoint) const;

  // -1: no interface has it, in whatever setting.
  int interface_of(std::uint8_t endpoint) const;

  // What usbfs does for an ioctl: 0 or the kernel's negative errno. The device stays until the
  // last of them has ended.
  int claim(std::uint8_t interface, Owner owner);
  // Who has claimed it; null if nobody has.
  Owner owner(std::uint8_t interface) const;
  Task<int> release(std::uint8_t interface, Owner owner);
  Task<int> set_interface(std::uint8_t interface, std::uint8_t alternate, Owner owner);
  Task<int> set_configuration(std::uint8_t configuration, Owner owner);
  Task<int> clear_halt(std::uint8_t endpoint, Owner owner);
  // -ENODEV: the device came back as another one, and has to be enumerated anew.
  Task<int> reset();
  Task<void> release_all(Owner owner);

 private:
  Task<int> request(std::uint8_t type, std::uint8_t request, std::uint16_t value,
                    std::uint16_t index);

  UsbPort& port_;
  const std::string name_;
  const std::uint32_t bus_, number_;
  const Identity identity_;
  std::uint8_t configuration_ = 0;
  std::map<std::uint8_t, std::uint8_t> alternates_;
  std::map<std::uint8_t, Owner> owners_;

  friend Task<Status> configure(UsbDevice& device);
};

// A control transfer, awaited. `data` is what is sent (OUT) or how much may come (IN); gives what
// came. Ends after the kernel's five seconds, of real time.
Task<Result<ByteVector>> control_transfer(UsbPort& port, std::array<std::uint8_t, 8> setup,
                                          ByteVector data);

// Bus reset, address, descriptors: what the kernel asks of each device that appears.
Task<Result<Identity>> identify(UsbPort& port, std::uint8_t address);
// Chooses the first configuration.
Task<Status> configure(UsbDevice& device);

}  // namespace gangd::rig
