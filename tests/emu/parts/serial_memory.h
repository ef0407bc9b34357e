// A memory behind a port of the XSPI manager: flash, or RAM that looks like it.
#pragma once

#include <cstdint>
#include <string>

#include "target_fw/port.h"
#include "tests/emu/peripheral.h"

namespace gangd::emu {

class SerialMemory {
 public:
  virtual ~SerialMemory() = default;

  virtual void power_on(Time world) = 0;
  virtual void power_off(Time world) = 0;
  // One command, beginning at `world`. Fills command.read. Returns how long the bus takes.
  virtual Time run(const xspi_command& command, Time world, std::uint32_t clock_hz) = 0;
  // What the command was that no careful driver sends: a sentence, told once; empty: nothing.
  virtual std::string complaint() = 0;
  // Two chips side by side, which the controller drives as one.
  virtual bool is_pair() const = 0;
  // It drives the data strobe in this data phase.
  virtual bool strobes(const xspi_phase& data) const = 0;
  // A store of the CPU into a window can be sent to it as it is.
  virtual bool is_ram() const = 0;
};

}  // namespace gangd::emu
