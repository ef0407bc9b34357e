// What the maker has written into each chip: the unique id, the size of the flash, the package.
#pragma once

#include "tests/emu/parts/outside.h"

namespace gangd::emu {

class Identity final : public Peripheral {
 public:
  Identity(Chip& chip, const Outside& outside) : chip_(chip), outside_(outside) {}

  std::string_view name() const override { return "UID"; }
  void reset(bool /*cold*/) override {}
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;

 private:
  Chip& chip_;
  const Outside& outside_;
};

}  // namespace gangd::emu
