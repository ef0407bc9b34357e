// A serial-NOR flash chip with its physics: what it does to bytes, how long it takes, how it fails.
// It knows nothing of any firmware; it answers commands on its pins.
//
// A part of two dies (twin quad) is two chips on one bus: each takes every second byte, and half of
// the address.
//
// Programming only clears bits, a page wraps, write-enable and busy are real, an erase that was cut
// leaves cells that read 0xFF and do not hold. Figures come from parts.toml, each with its source.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "target_fw/port.h"
#include "tests/model/parts.h"

namespace gangd::model {

// Time of the world that the chip is in: any clock that does not go back.
using Time = std::chrono::nanoseconds;

class NorChip {
 public:
  // A new chip, blank, without power. `part` outlives it. `seed` decides what is left to chance
  // (where a cut operation had got to, which way a weak bit reads).
  NorChip(const Part& part, std::uint64_t seed);
  ~NorChip();

  void power_on(Time now);
  // An operation in progress is cut: its cells stay as they happen to be.
  void power_off(Time now);
  bool powered() const;

  // One command on the bus, beginning at `now`. Fills command.read. Returns how long the bus takes.
  // What the chip does not understand in its present mode it ignores, as silicon does (reads give
  // 0xFF), and notes in complaints().
  Time run(const xspi_command& command, Time now, std::uint32_t clock_hz);

  // Until when an erase, program or register write keeps it busy; `now` or less if it does not.
  Time busy_until() const;

  // --- what a test looks at, and does to it

  // The bytes as a perfect reader sees them, without the bus. An operation shows from the first
  // command (or power_off) behind its end on: before that nobody can know that it has ended.
  void peek(std::uint32_t address, std::span<std::uint8_t> bytes) const;
  // Whether each cell there holds: an erase that was cut leaves some that read right and do not.
  bool firm(std::uint32_t address, std::uint32_t size) const;
  // Writes cells without the bus: yesterday's content.
  void poke(std::uint32_t address, std::span<const std::uint8_t> bytes);
  // Array operations begun since construction: erases and page programs.
  std::uint64_t operations() const;
  // Power fails in the middle of the n-th operation from now (0: the next one). cut() says when it
  // has; the chip answers nothing until power_on().
  void cut_power_at_operation(std::uint64_t n);
  // What was ordered for operations that have not come.
  void forget_orders();
  bool cut() const;
  // Commands that no careful driver sends: program without WEL, anything but a status read while
  // busy, wrong lanes or dummies for the mode, odd length in octal DTR. Sentences.
  const std::vector<std::string>& complaints() const;

  // --- faults; of two dies, the second fails, skips or hangs

  // The n-th operation from now sets the fail flag and does nothing.
  void fail_operation(std::uint64_t n);
  // The n-th operation from now is reported as done, and nothing was done.
  void skip_operation(std::uint64_t n);
  // The n-th operation from now never ends.
  void hang_operation(std::uint64_t n);
  // This bit reads wrong now and then.
  void weaken_bit(std::uint32_t address, unsigned bit);
  // Block protection bits in the status register, as a production tester may leave them.
  void protect(bool all);
  // Its write-protect pin is held low, and the bit is set that lets it count: the status register
  // takes no write.
  void hold_registers(bool held);
  // The largest block around this address takes no erase and no program, by a bit of its own.
  void lock_block(std::uint32_t address);
  // Operations take the maximum time of the data sheet, not the typical one.
  void be_slow(bool slow);
  // Powers up in this mode instead of the part's own (a non-volatile setting left by a tester).
  enum class Mode { kSpi, kOctalStr, kOctalDtr };
  void power_up_in(Mode mode);
  // A program that ran from a quad part has left it in a continuous read: it takes every command
  // for an address, until power-on or an instruction of all ones.
  void leave_in_continuous_read();
  // The board's traces: what is read with a faster clock than this has wrong bits.
  void garble_reads_above(std::uint32_t clock_hz);
  // As parts of several dies that share their pins in turn: each is to be erased by itself.
  void ignore_chip_erase();
  // SFDP reads as 0xFF, as on early silicon of some parts.
  void blank_sfdp();

 private:
  class Silicon;

  Time run_both(const xspi_command& command, Time now, std::uint32_t clock_hz);

  const Part& part_;
  Part die_;  // of two: what one of them is
  std::vector<EraseType> die_erase_types_;
  std::vector<std::string> complaints_;
  std::vector<std::unique_ptr<Silicon>> dies_;
};

}  // namespace gangd::model
