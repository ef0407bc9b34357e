// A PSRAM of the kind APS256XX behind a port of the XSPI manager: an octal bus on both edges, 8 or
// 16 lanes for data, latencies that its mode registers say.
#pragma once

#include <array>
#include <memory>
#include <utility>

#include "tests/emu/parts/serial_memory.h"

namespace gangd::emu {

class Psram final : public SerialMemory {
 public:
  // Bytes; a power of two.
  explicit Psram(std::uint32_t size);

  void power_on(Time world) override;
  void power_off(Time /*world*/) override { powered_ = false; }
  Time run(const xspi_command& command, Time world, std::uint32_t clock_hz) override;
  std::string complaint() override { return std::exchange(complaint_, {}); }
  bool is_pair() const override { return false; }
  bool strobes(const xspi_phase& data) const override { return data.ddr; }
  bool is_ram() const override { return true; }

 private:
  void execute(const xspi_command& command, std::uint32_t clock_hz);
  void access(const xspi_command& command, bool reads);
  void access_register(const xspi_command& command, bool reads);
  bool latency_fits(const xspi_command& command, unsigned latency);
  unsigned read_latency() const;
  unsigned write_latency() const;
  void complain(std::string sentence);

  const std::uint32_t size_;
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::array<std::uint8_t, 9> mode_{};
  bool powered_ = false;
  Time ready_at_{};
  std::string complaint_;
};

}  // namespace gangd::emu
