// The flash inside a microcontroller of the STM32H7RS kind, with its physics: 64 KB in 8 sectors,
// programmed in words of 16 bytes that carry a checksum (ECC). A word takes one program after an
// erase; what a loss of power leaves half done is found by that checksum, and reading it faults.
// Knows nothing of any firmware.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/sim/prng.h"

namespace gangd::model {

class InternalFlash {
 public:
  // Time of the world that the chip is in: any clock that does not go back.
  using Time = std::chrono::nanoseconds;

  static constexpr std::uint32_t kAddress = 0x0800'0000;
  static constexpr std::uint32_t kSize = 64 * 1024;
  static constexpr std::uint32_t kSectorSize = 8 * 1024;
  static constexpr std::uint32_t kWordSize = 16;
  // Of the order that data sheets of such flash give; nothing depends on the figures.
  static constexpr Time kProgramTime = std::chrono::microseconds(40);
  static constexpr Time kEraseTime = std::chrono::milliseconds(2);

  // Blank, without power. `seed` decides what is left to chance: how far a cut operation had got,
  // which way what it left reads.
  explicit InternalFlash(std::uint64_t seed);

  void power_on(Time now);
  // An operation in progress is cut.
  void power_off(Time now);

  // --- what a driver does. Nothing while an operation runs: that is a complaint, and ignored.

  // Begins to erase the sector that begins at `address`.
  void erase(std::uint32_t address, Time now);
  // Begins to program one word. One that is not erased is broken by that.
  void program(std::uint32_t address, std::span<const std::uint8_t, kWordSize> bytes, Time now);
  Time busy_until() const { return busy_until_; }
  // Whether the last operation, which has ended, ended with an error flag.
  bool failed() const { return failed_; }
  // False: a word of it has a checksum that is wrong beyond repair, and the read is a bus fault.
  // What was before that word has been read.
  [[nodiscard]] bool read(std::uint32_t address, std::span<std::uint8_t> bytes, Time now);

  // --- what a test looks at, and does to it

  // The bytes; nothing if a word of them is broken. An operation that runs shows as done.
  std::optional<std::vector<std::uint8_t>> peek(std::uint32_t address, std::uint32_t size) const;
  // Whether each word there reads and will go on to.
  bool firm(std::uint32_t address, std::uint32_t size) const;
  // Stores it, firmly, in whole words: yesterday's content.
  void poke(std::uint32_t address, std::span<const std::uint8_t> bytes);
  // From now on reading this word faults, or does so now and then.
  void break_word(std::uint32_t address);
  void weaken_word(std::uint32_t address);

  // Erases and programs begun since construction.
  std::uint64_t operations() const { return operations_; }
  // Power fails in the middle of the n-th operation from now (0: the next one). cut() says when it
  // has; nothing works until power_on().
  void cut_power_at_operation(std::uint64_t n) { cut_at_ = operations_ + n; }
  bool cut() const { return cut_; }
  // The n-th operation from now ends with the error flag, and does nothing.
  void fail_operation(std::uint64_t n) { fail_at_ = operations_ + n; }

  // What no careful driver does: sentences.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  enum class State : std::uint8_t { kErased, kWritten, kBroken };
  struct Word {
    std::array<std::uint8_t, kWordSize> bytes;
    State state = State::kErased;
    bool weak = false;  // reads as `state` says, or faults
  };

  static constexpr std::uint32_t kWords = kSize / kWordSize;
  static constexpr std::uint32_t kSectorWords = kSectorSize / kWordSize;

  // What the operation that runs will have done; both false: nothing runs.
  struct Operation {
    bool erases = false;
    bool programs = false;
    std::uint32_t first = 0;  // word
    std::array<std::uint8_t, kWordSize> bytes{};
  };

  bool may_begin(const char* what, std::uint32_t address, std::uint32_t alignment, Time now);
  void begin(const Operation& operation, Time now, Time takes);
  void settle(Time now);
  void finish();
  void stop_short();
  void stop_erase_short();
  void stop_program_short();
  void break_up(Word& word);
  bool holds_now(const Word& word);
  void complain(const char* what, std::uint32_t address);

  std::vector<Word> words_;
  sim::Prng prng_;
  Operation operation_;
  Time busy_until_{};
  bool powered_ = false;
  bool cut_ = false;
  bool failed_ = false;
  bool is_kind_ = false;  // supply and temperature: what is weak reads right
  std::uint64_t operations_ = 0;
  std::optional<std::uint64_t> cut_at_;
  std::optional<std::uint64_t> fail_at_;
  std::vector<std::string> complaints_;
};

}  // namespace gangd::model
