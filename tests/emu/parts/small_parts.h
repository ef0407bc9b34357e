// Peripherals of a few registers: random numbers (RNG), clock recovery (CRS), what a debugger sees
// of the chip (DBGMCU).
#pragma once

#include "tests/emu/parts/outside.h"
#include "tests/emu/parts/rcc.h"
#include "tests/sim/prng.h"

namespace gangd::emu {

class RandomUnit final : public Peripheral {
 public:
  RandomUnit(Chip& chip, const Outside& outside, const Rcc& rcc);

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;

 private:
  void keep_up();

  Chip& chip_;
  const Rcc& rcc_;
  RegisterFile registers_;
  sim::Prng prng_;
  Time ready_at_{};
};

class ClockRecovery final : public Peripheral {
 public:
  ClockRecovery(Chip& chip, const Outside& outside);

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool /*cold*/) override { registers_.reset(); }
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;

 private:
  const Outside& outside_;
  RegisterFile registers_;
};

class DebugUnit final : public Peripheral {
 public:
  DebugUnit(Chip& chip, const Outside& outside);

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;

 private:
  const Outside& outside_;
  RegisterFile registers_;
};

}  // namespace gangd::emu
