// A peripheral behind its clock and its reset: without the one it does not answer, in the other it
// is held.
#pragma once

#include <memory>

#include "tests/emu/parts/rcc.h"

namespace gangd::emu {

class Gated final : public Peripheral {
 public:
  // `rcc` outlives it.
  Gated(Chip& chip, Rcc& rcc, const Gate& gate, std::unique_ptr<Peripheral> peripheral);

  std::string_view name() const override { return peripheral_->name(); }
  void reset(bool cold) override { peripheral_->reset(cold); }
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;
  void advance() override { peripheral_->advance(); }

 private:
  bool answers(std::uint32_t offset, const char* doing) const;

  Chip& chip_;
  Rcc& rcc_;
  const Gate gate_;
  const std::unique_ptr<Peripheral> peripheral_;
};

}  // namespace gangd::emu
