// ChipOnBoard: a chip with all its peripherals, and what is around it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "tests/emu/board_kinds.h"
#include "tests/emu/machine.h"
#include "tests/emu/parts/outside.h"
#include "tests/emu/program.h"

namespace gangd::emu {

class ChipOnBoard {
 public:
  // kUnsupported: this machine cannot emulate it.
  static Result<std::unique_ptr<ChipOnBoard>> make(const BoardKind& kind, Machine::Options options);

  ChipOnBoard(const BoardKind& kind, std::uint64_t seed);  // use make()
  ChipOnBoard(const ChipOnBoard&) = delete;
  ChipOnBoard& operator=(const ChipOnBoard&) = delete;

  // What is stored, wired and pressed; set up before power comes.
  Outside& outside() { return outside_; }
  Machine& machine() { return *machine_; }

  // `world` is a time that never goes back; the chip's begins at zero. The CPU stands still.
  void power_on(Time world);
  void power_off();

  // Puts it where it belongs, as a debugger or a production programmer does: RAM and what holds
  // its bytes without power. kNotFound: nothing is at an address.
  Status store(std::uint32_t address, std::span<const std::uint8_t> bytes);
  Status store(const Program& program);

 private:
  void store_in_flash(std::uint32_t address, std::span<const std::uint8_t> bytes);
  Status store_outside(std::uint32_t address, std::span<const std::uint8_t> bytes);

  const BoardKind kind_;
  Outside outside_;
  std::unique_ptr<Machine> machine_;
};

}  // namespace gangd::emu
