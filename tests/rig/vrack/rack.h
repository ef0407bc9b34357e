// Rack: all ports with their boards, and the life of each device in one: it appears, is enumerated,
// published, used, and goes.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loop/loop.h"
#include "loop/signal.h"
#include "tests/rig/vrack/topology.h"
#include "tests/rig/vrack/usb_device.h"
#include "tests/rig/vrack/usb_port.h"

namespace gangd::rig {

// Where the rest of the machine learns of devices: sysfs and uevents.
class DeviceTree {
 public:
  virtual ~DeviceTree() = default;
  virtual void add(const UsbDevice& device) = 0;
  virtual void remove(const UsbDevice& device) = 0;
};

class Rack {
 public:
  class Place;

  // `tree` may be null.
  Rack(Loop& loop, const BoardClock& clock, const Topology& topology,
       const BoardFactory& make_board, DeviceTree* tree);
  ~Rack();

  // Until it is cancelled.
  Task<void> run();

  const std::vector<std::unique_ptr<Place>>& places() const { return places_; }
  // By the name of its port; null if there is none.
  Place* place(std::string_view name) const;
  // By its address; null if no such device is there.
  Place* device_at(std::uint32_t bus, std::uint32_t number) const;

 private:
  friend class Place;
  // As the kernel: the next number that is free, so that a device that comes back has another one.
  std::uint32_t take_number(std::uint32_t bus);
  void free_number(std::uint32_t bus, std::uint32_t number);

  struct Bus {
    std::bitset<128> taken;
    std::uint32_t next = 1;
  };

  Loop& loop_;
  std::vector<Bus> buses_;  // by bus number; 0 is unused
  DeviceTree* const tree_;
  std::vector<std::unique_ptr<Place>> places_;
};

// A port and what is in it.
class Rack::Place {
 public:
  Place(Rack& rack, Loop& loop, const BoardClock& clock, std::string name, std::size_t index,
        const BoardFactory& make_board)
      : rack_(rack), name_(std::move(name)), port_(loop, clock, index, make_board) {}

  const std::string& name() const { return name_; }
  UsbPort& port() { return port_; }
  // Null: none is there, or not yet, or not any more.
  UsbDevice* device() const { return gone_ ? nullptr : device_.get(); }

  bool is_used() const { return !users_.empty(); }
  void attach_user(DeviceUser& user) { users_.push_back(user); }
  void user_left() { users_changed_.notify(); }
  // Notified when a user has left.
  Signal& users_changed() { return users_changed_; }

  // Lets go of the device and takes it for a new one, as the kernel does when it trusts the old one
  // no more.
  void reenumerate();
  void plug();
  void unplug();
  // Ends when there is a device (`present`) or none; kTimeout after `limit`.
  Task<Status> until(bool present, Duration limit);
  // Why the last enumeration failed; empty if it did not.
  const std::string& failure() const { return failure_; }

 private:
  friend class Rack;

  Task<void> run();
  Task<Status> appear();
  Task<void> use_until_gone(std::uint64_t arrival);
  Task<Status> reach(bool present);

  Rack& rack_;
  const std::string name_;
  UsbPort port_;
  std::unique_ptr<UsbDevice> device_;
  LinkedList<DeviceUser> users_;
  Signal users_changed_;
  Signal device_changed_;
  std::string failure_;
  bool gone_ = false;
};

}  // namespace gangd::rig
