// SBS: compensation cells of the pads, settings of the system.
#pragma once

#include "tests/emu/parts/outside.h"
#include "tests/emu/parts/register_file.h"

namespace gangd::emu {

class Sbs final : public Peripheral {
 public:
  Sbs(Chip& chip, const Outside& outside);

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;

  // Why the pads of XSPI port 1 or 2 will fail; empty: they will not.
  std::string pad_fault(unsigned port) const;

 private:
  void write_compensation(const RegisterFile::Write& write);

  Chip& chip_;
  const Outside& outside_;
  RegisterFile registers_;
  Time cell_ready_[3] = {};
};

}  // namespace gangd::emu
