// RCC: oscillators, PLLs, the tree of clocks, clock and reset of each peripheral.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "tests/emu/parts/flash.h"
#include "tests/emu/parts/outside.h"
#include "tests/emu/parts/pwr.h"
#include "tests/emu/parts/register_file.h"

namespace gangd::emu {

// A peripheral's bit in its registers of clocks and of resets.
struct Gate {
  std::uint32_t enable = 0;  // offset
  std::uint32_t reset = 0;   // offset; 0: it has none
  unsigned bit = 0;
};

namespace gates {
inline constexpr Gate kHpdma1{0x134, 0x7c, 0}, kXspi1{0x134, 0x7c, 5}, kXspi2{0x134, 0x7c, 12},
    kXspim{0x134, 0x7c, 14};
inline constexpr Gate kOtgHs{0x138, 0x80, 25}, kUsbPhyc{0x138, 0x80, 26}, kOtgFs{0x138, 0x80, 27};
inline constexpr Gate kRng{0x158, 0xa4, 0}, kHash{0x158, 0xa4, 1};
inline constexpr Gate kCrc{0x140, 0x88, 19}, kBackupRam{0x140, 0, 28};
inline constexpr Gate kCrs{0x14c, 0x94, 1};
inline constexpr Gate kSbs{0x154, 0x9c, 1}, kRtc{0x154, 0, 16};
constexpr Gate gpio(unsigned port) {
  return {0x140, 0x88, port};
}
}  // namespace gates

class Rcc final : public Peripheral {
 public:
  // All outlive it.
  Rcc(Chip& chip, const Outside& outside, Pwr& pwr, FlashController& flash);

  // Clocks in Hz; 0: it does not run.
  std::uint32_t cpu_hz() const;
  std::uint32_t bus_hz() const;
  std::uint32_t xspi_hz(unsigned instance) const;  // 1 or 2
  std::uint32_t usb_fs_hz() const;
  // What the high-speed PHY is fed with. Also 0 if USBREFCKSEL names another frequency.
  std::uint32_t usb_phy_hz() const;
  std::uint32_t hsi48_hz() const;
  std::uint32_t lsi_hz() const;

  bool runs(const Gate& gate) const;
  // Held in reset by its bit.
  bool is_held(const Gate& gate) const;
  // `peripheral` is reset when the bit is set.
  void resets(const Gate& gate, Peripheral& peripheral);

  // Why the next reset comes, for RSR. Without it, the CPU has asked for it.
  void next_reset_is_of_watchdog() { watchdog_ = true; }

  // The conditions for the present clocks may have changed: a violation if they do not hold.
  void check_speed();

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;

 private:
  // In CR, from the left: HSI, CSI, HSI48, HSE, PLL1 to PLL3; then LSE and LSI.
  enum Source { kHsi, kCsi, kHsi48, kHse, kPll1, kPll2, kPll3, kLse, kLsi, kSources };

  bool is_ready(Source source) const;
  std::uint32_t hz(Source source) const;                      // of an oscillator
  std::uint32_t pll_hz(unsigned pll, unsigned output) const;  // P to T: 0 to 4
  double reference_hz(unsigned pll) const;
  double vco_hz(unsigned pll) const;
  std::uint32_t pll_source_hz() const;
  std::uint32_t system_hz() const;
  Source system_source(std::uint32_t cfgr) const;
  bool is_in_use(Source source) const;

  void start(Source source);
  void keep_up();
  void write_control(RegisterFile::Write write);
  void start_pll(unsigned pll);
  void write_configuration(const RegisterFile::Write& write);
  bool may_write_pll(const RegisterFile::Write& write);
  bool is_protected(const RegisterFile::Write& write) const;
  void write_backup(const RegisterFile::Write& write);
  void write_reset(const RegisterFile::Write& write);

  Chip& chip_;
  const Outside& outside_;
  Pwr& pwr_;
  FlashController& flash_;
  RegisterFile registers_;
  std::array<Time, kSources> ready_at_{};
  std::vector<std::pair<Gate, Peripheral*>> resets_;
  std::uint32_t told_hz_ = 0;
  bool watchdog_ = false;
};

}  // namespace gangd::emu
