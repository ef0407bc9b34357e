// PWR: supply configuration, core voltage, supplies of USB and of the XSPI pins, write protection
// of the backup domain.
#pragma once

#include <functional>

#include "tests/emu/parts/register_file.h"

namespace gangd::emu {

class Pwr final : public Peripheral {
 public:
  explicit Pwr(Chip& chip);

  // The core has the voltage for the highest clock.
  bool voltage_is_high() const;
  bool backup_is_writable() const;
  // The pins of this port of the XSPI manager have their supply.
  bool xspi_port_is_on(unsigned port) const;  // 1 or 2
  // The transceivers' supply is there; `high_speed`: that of the high-speed PHY as well.
  bool usb_is_on(bool high_speed) const;

  // Called when voltage_is_high() may have changed.
  std::function<void()> on_voltage;

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;

 private:
  void write_supply(const RegisterFile::Write& write);
  void write_voltage(const RegisterFile::Write& write);
  void keep_up();

  Chip& chip_;
  RegisterFile registers_;
  bool supply_is_set_ = false;
  Time supply_ready_{};
  Time voltage_ready_{};
  Time usb_ready_{};
  Time backup_ready_{};
};

}  // namespace gangd::emu
