// One GPIO port.
#pragma once

#include "tests/emu/parts/outside.h"
#include "tests/emu/parts/register_file.h"

namespace gangd::emu {

class Gpio final : public Peripheral {
 public:
  enum class Mode { kInput, kOutput, kAlternate, kAnalog };

  // `port`: 0 is A. `outside` outlives it.
  Gpio(Chip& chip, Outside& outside, std::uint8_t port);

  Mode mode(unsigned bit) const;
  unsigned alternate(unsigned bit) const;  // of a pin in that mode
  bool level(unsigned bit) const;

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;

 private:
  void set_outputs(std::uint32_t levels);
  void write_lock(const RegisterFile::Write& write);
  bool is_locked(const RegisterFile::Write& write) const;
  void tell_outputs();

  Outside& outside_;
  const std::uint8_t port_;
  RegisterFile registers_;
  unsigned lock_step_ = 0;
  std::uint32_t told_ = 0;      // levels that on_output knows
  std::uint32_t told_for_ = 0;  // pins of which it knows
};

}  // namespace gangd::emu
