// Sysfs: the devices of the rack as files below /sys and /dev and as uevents, made by umockdev for
// the programs that run with its preload library. Without root and without USB in the kernel.
#pragma once

#include <memory>
#include <string>

#include "tests/rig/vrack/rack.h"
#include "tests/rig/vrack/topology.h"

namespace gangd::rig {

class Sysfs final : public DeviceTree {
 public:
  // The hubs are there from the beginning. umockdev's preload library must be in this program too:
  // it sends uevents for devices that it reads through it. kUnsupported if it is not.
  static Result<std::unique_ptr<Sysfs>> open(const Topology& topology);
  ~Sysfs() override;

  // For programs: their UMOCKDEV_DIR.
  std::string directory() const;

  void add(const UsbDevice& device) override;
  void remove(const UsbDevice& device) override;

 private:
  class Testbed;
  explicit Sysfs(std::unique_ptr<Testbed> testbed);

  std::unique_ptr<Testbed> testbed_;
};

}  // namespace gangd::rig
