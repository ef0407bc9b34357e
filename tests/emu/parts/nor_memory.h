// The flash chips of tests/model/nor_chip.h as a serial memory.
#pragma once

#include "tests/emu/parts/serial_memory.h"
#include "tests/model/nor_chip.h"

namespace gangd::emu {

class NorMemory final : public SerialMemory {
 public:
  // `part` outlives it.
  NorMemory(const model::Part& part, std::uint64_t seed) : part_(part), chip_(part, seed) {}

  model::NorChip& chip() { return chip_; }

  void power_on(Time world) override { chip_.power_on(world); }
  void power_off(Time world) override { chip_.power_off(world); }
  Time run(const xspi_command& command, Time world, std::uint32_t clock_hz) override {
    return chip_.run(command, world, clock_hz);
  }
  std::string complaint() override {
    return told_ < chip_.complaints().size() ? chip_.complaints()[told_++] : std::string();
  }
  bool is_pair() const override { return part_.dies == 2; }
  // Octal DTR only.
  bool strobes(const xspi_phase& data) const override { return data.lanes == 8 && data.ddr; }
  bool is_ram() const override { return false; }

 private:
  const model::Part& part_;
  model::NorChip chip_;
  std::size_t told_ = 0;
};

}  // namespace gangd::emu
