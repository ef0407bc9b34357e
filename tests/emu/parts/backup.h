// What keeps its content through resets, and none without a supply: registers of TAMP, and 4 KB of
// SRAM. Tamper detection is not modelled.
#pragma once

#include <array>

#include "tests/emu/parts/outside.h"
#include "tests/emu/parts/pwr.h"
#include "tests/emu/parts/rcc.h"
#include "tests/emu/parts/register_file.h"

namespace gangd::emu {

class Backup final : public Peripheral, private Chip::Window {
 public:
  // All outlive it.
  Backup(Chip& chip, const Outside& outside, const Rcc& rcc, const Pwr& pwr);

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;

 private:
  static constexpr std::uint32_t kSramSize = 4096;

  // Chip::Window. That its clock was stopped is noticed at the next page.
  bool fill(std::uint32_t offset, std::span<std::uint8_t> page) override;
  void store(std::uint32_t offset, std::span<const std::uint8_t> bytes) override;
  bool has_clock();

  Chip& chip_;
  const Outside& outside_;
  const Rcc& rcc_;
  const Pwr& pwr_;
  std::array<std::uint8_t, kSramSize> sram_{};
  const std::vector<RegisterRule> rules_;
  RegisterFile registers_;
};

}  // namespace gangd::emu
