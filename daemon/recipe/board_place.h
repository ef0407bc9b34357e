// BoardPlace: where a slot's board is seen on the bus, also when it goes and comes back as another
// device: as what was loaded into it, as what it starts. Followed by its path: two boards that are
// in their ROM can be told apart by nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "loop/task.h"
#include "usb/usb.h"
#include "wire/wire.h"

namespace gangd {

class BoardPlace {
 public:
  // The program that a device was started with, and the nonce that lay beside it.
  struct Started {
    std::uint64_t arrival = 0;  // of the device that came of it
    Sha256Digest program;
    Nonce nonce{};
  };

  // `paths`: of the board's connectors. `all`: those that belong to any board, this one included;
  // it outlives this.
  BoardPlace(Usb& usb, std::vector<UsbPath> paths, const std::set<UsbPath>& all);

  const std::vector<UsbPath>& paths() const { return paths_; }
  // What is plugged in here: at the first connector where something is. Null: nothing.
  const UsbDevice* device() const;

  // An attempt begins with this device.
  void begin(const UsbDevice& device) { arrival_ = device.arrival; }
  // Of the device that was seen here last.
  std::uint64_t arrival() const { return arrival_; }

  // The next device that comes here. kTimeout, with what became of the board instead, as far as the
  // bus shows it: `wanted` is what it should be.
  Task<Result<UsbDevice>> next(std::uint16_t vendor, std::uint16_t product, Duration limit);
  // The device that was seen here last goes. kTimeout: it stays.
  Task<Status> gone(Duration limit);
  bool is_gone() const;
  Task<Result<std::unique_ptr<UsbConnection>>> open(Duration limit);

  void set_started(Started started) { started_ = started; }
  // Of the device with this arrival, if it came here so; else null.
  const Started* started(std::uint64_t arrival) const;

 private:
  Task<Result<UsbDevice>> wait_for_next();
  Task<Status> wait_until_gone();
  bool is_here(const UsbDevice& device) const;
  std::string whereabouts(std::uint16_t vendor, std::uint16_t product) const;

  Usb& usb_;
  const std::vector<UsbPath> paths_;
  const std::set<UsbPath>& all_;
  std::uint64_t arrival_ = 0;
  std::optional<Started> started_;
};

}  // namespace gangd
