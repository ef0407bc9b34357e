// A board that nobody can hold: the firmware that ships (target_fw/core, compiled for the host) on
// chip models, seen from its USB connector. Runs in any timeline, virtual or real.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/model/boot_stages.h"
#include "tests/model/nor_chip.h"
#include "tests/model/resident_loader.h"
#include "tests/model/transfer.h"
#include "tests/model/usb_bus.h"

namespace gangd::model {

class VirtualBoard {
 public:
  struct Options {
    std::string part = "MX66UW1G45G";  // of tests/model/parts.toml
    std::array<std::uint8_t, 12> uid{};
    std::uint64_t seed = 1;
    bool high_speed = true;
    // Whether the host's part is played when it appears: reset, address, configuration. False: who
    // owns the board does that, as a model of a host controller; it is attached when it is shown.
    bool enumerate = true;
    // What its CPU takes for its work: a row of tests/model/cpus.cc.
    std::string cpu = "rough";
    std::uint8_t lanes = 8;  // of the flash, wired on the board
    // What it tells of its kind: no chip that exists. 0, empty: it does not tell.
    std::uint32_t chip = 0x10000fff;
    std::string board = "virtual";
    // What carries its packets, and outlives it. Null: they take no time, and move when the
    // firmware's main loop comes by.
    UsbBus* bus = nullptr;
    std::uint32_t flash_address = 0x9000'0000;  // where the chip maps the external flash
    std::uint32_t boot_hz = 0;  // of the flash for a program that runs in place; 0: none does
    // With a bootloader in ROM, in which the board starts whenever it gets power, and an internal
    // flash beside the external one. The firmware is then what a host puts into the RAM and starts
    // there. Nothing: the firmware starts by itself, as one that is resident.
    std::optional<BootStages::Options> stages = {};
    // With a resident loader, which starts an application or stays in DFU. Not with stages.
    std::optional<ResidentLoader::Options> resident = {};
  };

  using Outcome = model::Outcome;
  using Transfer = model::Transfer;

  explicit VirtualBoard(const Options& options);
  ~VirtualBoard();

  // Power on; the firmware starts and after a while shows itself: attached().
  void plug(Time now);
  // Power off at once. All transfers end with kUnplugged.
  void unplug(Time now);
  bool attached() const;

  // Begins a transfer. An endpoint that the device does not have: kStalled. A halted endpoint stays
  // so until CLEAR_FEATURE(ENDPOINT_HALT).
  void submit(Transfer& transfer, Time now);
  // Ends it with kCancelled, unless it is completed already.
  void cancel(Transfer& transfer, Time now);
  void bus_reset(Time now);

  // Lets the firmware run up to `now`. Returns when it next wants to; Time::max() is: when
  // something is submitted. A transfer that ends later than `now` (the firmware was in the middle
  // of a command on the flash bus) is completed by a later call.
  Time advance(Time now);

  // Called from within the functions above when a transfer has ended; may submit others.
  std::function<void(Transfer&)> on_complete;
  // Called when attached() changes.
  std::function<void(bool attached)> on_attach;

  NorChip& chip();
  bool has_stages() const;
  // Only of a board that has them.
  BootStages& stages();
  // Only of a board that has one.
  ResidentLoader& resident();
  // Which connector it is seen at now.
  bool at_second_port() const;
  std::string serial() const;  // as the device reports it
  bool high_speed() const;
  // What the bus saw at enumeration.
  std::vector<std::uint8_t> device_descriptor() const;
  std::vector<std::uint8_t> configuration_descriptor() const;

 private:
  class Board;
  std::unique_ptr<Board> board_;
};

}  // namespace gangd::model
