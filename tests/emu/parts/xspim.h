// XSPIM: which of the two XSPI controllers is on which of the two ports of pins, and whether what
// is on these pins can be reached.
#pragma once

#include <array>

#include "tests/emu/parts/gpio.h"
#include "tests/emu/parts/outside.h"
#include "tests/emu/parts/pwr.h"
#include "tests/emu/parts/register_file.h"
#include "tests/emu/parts/sbs.h"

namespace gangd::emu {

class Xspim final : public Peripheral {
 public:
  // The GPIO ports of the pins.
  struct Pins {
    Gpio& n;
    Gpio& o;
    Gpio& p;
  };

  // All outlive it.
  Xspim(Chip& chip, Outside& outside, Pwr& pwr, Sbs& sbs, const Pins& pins);

  // 1 or 2, of a controller.
  unsigned port(unsigned instance) const;
  // Why a command over so many lanes cannot leave the chip; empty: it can.
  std::string missing(unsigned instance, unsigned lanes, bool strobe) const;
  // What the controller's chip select (0: NCS1) reaches; null: nothing.
  SerialMemory* memory(unsigned instance, unsigned chip_select) const;

  // Asked before the manager is set up anew: whether both controllers are off.
  std::function<bool()> are_off;

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool /*cold*/) override { registers_.reset(); }
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;

 private:
  Outside& outside_;
  Pwr& pwr_;
  Sbs& sbs_;
  const Pins pins_;
  RegisterFile registers_;
};

}  // namespace gangd::emu
