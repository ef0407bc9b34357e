// What a board puts around the chip: crystals, rails, levels of pins, and what is stored. It
// outlives the chip, which starts anew with each power-on. A test sets it up before the chip has
// power.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "tests/emu/parts/nor_memory.h"
#include "tests/emu/parts/usb_host.h"
#include "tests/emu/peripheral.h"
#include "tests/model/internal_flash.h"

namespace gangd::emu {

// A pin's name: port A is 0.
struct Pin {
  std::uint8_t port = 0;
  std::uint8_t bit = 0;
  friend auto operator<=>(const Pin&, const Pin&) = default;
};

class Outside {
 public:
  // `seed` decides what is left to chance: what a loss of power leaves, random numbers.
  explicit Outside(std::uint64_t seed) : seed(seed), flash(seed) {}
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

  // The supply of chip and memories comes, goes. `world` is a time that never goes back; that of
  // the chip begins at zero.
  void power_on(Time world);
  void power_off(Time chip);
  // The memories live in the world's time.
  Time world(Time chip) const { return powered_at_ + chip; }

  // Solders a flash chip to a port of the XSPI manager, 1 or 2. `part` outlives this.
  void fit_nor(const model::Part& part, unsigned port = 2);
  void fit_psram(std::uint32_t size, unsigned port = 1);
  // Null if there is none.
  model::NorChip* nor() { return nor_ == nullptr ? nullptr : &nor_->chip(); }
  SerialMemory* memory(unsigned port) { return memories_[port - 1].get(); }

  // Oscillators; 0: none is fitted, or nothing feeds the pin.
  std::uint32_t hse_hz = 24'000'000;
  std::uint32_t lse_hz = 0;

  // The rail of a group of pins is of 1.8 V: its HSLV bits may be set, elsewhere they destroy pads.
  bool vddio_is_low = false;
  bool xspi1_is_low = false;
  bool xspi2_is_low = false;

  // Option bytes OBW2: how much of the AXI SRAM the TCMs were given, by the codes of the device.
  std::uint8_t itcm_share = 0;
  std::uint8_t dtcm_share = 0;
  // So many commands leave XSPI2 busy for good: an abort does not help.
  unsigned flash_jams = 0;
  // What the compensation cells of ports 1 and 2 find for their pads: P, N.
  std::array<std::uint8_t, 2> pad_codes{0x88, 0x88};
  // So many times the internal flash tells of a broken word that nobody meant to read: the CPU read
  // ahead.
  unsigned stray_flash_errors = 0;
  // Option byte WRPS: sectors of the flash that cannot be written; bit 0 is the first.
  std::uint8_t protected_sectors = 0;

  // The reset that comes next is pulled by the board, at the chip's pin.
  bool pulls_reset = false;

  std::array<std::uint8_t, 12> uid{};
  std::uint16_t revision = 0x1003;  // of the chip, as DBGMCU tells it: Y

  // What the board drives onto pins; the others float. A button that pulls its pin to ground is
  // level 0.
  std::map<Pin, bool> levels;
  // Called when the chip drives a pin to another level.
  std::function<void(Pin, bool)> on_output;

  // The hosts at the other end of the cables.
  UsbHost usb_hs{true};
  UsbHost usb_fs{false};

  const std::uint64_t seed;
  model::InternalFlash flash;

 private:
  Time powered_at_{};
  std::array<std::unique_ptr<SerialMemory>, 2> memories_;
  NorMemory* nor_ = nullptr;
};

}  // namespace gangd::emu
