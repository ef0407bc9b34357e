// HASH: SHA-256 of what is written to it.
#pragma once

#include <vector>

#include "tests/emu/parts/register_file.h"

namespace gangd::emu {

class HashUnit final : public Peripheral {
 public:
  explicit HashUnit(Chip& chip);

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;
  void advance() override;

 private:
  void begin(std::uint32_t control);
  void push(std::uint32_t word);
  void write_start(const RegisterFile::Write& write);
  void finish();
  void keep_up();
  void show_interrupt();

  Chip& chip_;
  RegisterFile registers_;
  bool begun_ = false;
  bool swaps_ = false;  // bytes of a word come in the order of memory
  std::vector<std::uint8_t> message_;
  Time ready_at_{};
  bool computes_ = false;
};

}  // namespace gangd::emu
