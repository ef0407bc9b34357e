// IWDG: once started, it resets the chip unless it is reloaded in time.
#pragma once

#include <map>

#include "tests/emu/parts/rcc.h"

namespace gangd::emu {

class Watchdog final : public Peripheral {
 public:
  // `rcc` outlives it.
  Watchdog(Chip& chip, Rcc& rcc);

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;
  void advance() override;

 private:
  void write_key(std::uint32_t key);
  void reload();
  void take_over();
  Time period() const;

  Chip& chip_;
  Rcc& rcc_;
  RegisterFile registers_;
  bool runs_ = false;
  bool unlocked_ = false;
  Time ends_{};
  // Of registers that were written, by offset: when the counter's clock has taken them over.
  std::map<std::uint32_t, Time> taken_over_;
};

}  // namespace gangd::emu
