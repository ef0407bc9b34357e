#include "tests/model/internal_flash.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/check.h"

namespace gangd::model {
namespace {

// How often a weak word faults when supply and temperature are not kind. Silicon has any rate; this
// lets a test see both ways within a few reads.
constexpr std::uint32_t kFaultPerMille = 250;

// An erase that has got this far leaves words that read erased, and hold or do not.
constexpr std::uint32_t kReadsErasedPerMille = 700;
// One that has not got this far has changed nothing.
constexpr std::uint32_t kUnchangedPerMille = 50;

}  // namespace

InternalFlash::InternalFlash(std::uint64_t seed) : words_(kWords), prng_(seed) {
  for (Word& word : words_) word.bytes.fill(0xff);
}

void InternalFlash::complain(const char* what, std::uint32_t address) {
  complaints_.push_back(fmt::format("{} at {:#x}", what, address));
}

void InternalFlash::power_on(Time now) {
  powered_ = true;
  cut_ = failed_ = false;
  busy_until_ = now;
  is_kind_ = prng_.chance(500);
}

void InternalFlash::power_off(Time now) {
  settle(now);
  if (powered_ && (operation_.erases || operation_.programs)) stop_short();
  operation_ = {};
  powered_ = false;
}

// --- operations

bool InternalFlash::may_begin(const char* what, std::uint32_t address, std::uint32_t alignment,
                              Time now) {
  if (!powered_) return false;
  settle(now);
  if (now < busy_until_) {
    complain(fmt::format("{} while another operation runs", what).c_str(), address);
  } else if (address < kAddress || address - kAddress >= kSize || address % alignment != 0) {
    complain(fmt::format("{} of what is no unit of the flash", what).c_str(), address);
  } else {
    return true;
  }
  return false;
}

void InternalFlash::begin(const Operation& operation, Time now, Time takes) {
  const std::uint64_t index = operations_++;
  failed_ = false;
  operation_ = operation;
  busy_until_ = now + takes;
  if (fail_at_ == index) {
    fail_at_.reset();
    operation_ = {};
    failed_ = true;
  } else if (cut_at_ == index) {
    cut_at_.reset();
    stop_short();
    operation_ = {};
    powered_ = false;
    cut_ = true;
  }
}

void InternalFlash::erase(std::uint32_t address, Time now) {
  if (!may_begin("erase", address, kSectorSize, now)) return;
  begin({.erases = true, .programs = false, .first = (address - kAddress) / kWordSize, .bytes = {}},
        now, kEraseTime);
}

void InternalFlash::program(std::uint32_t address, std::span<const std::uint8_t, kWordSize> bytes,
                            Time now) {
  if (!may_begin("program", address, kWordSize, now)) return;
  Operation operation{
      .erases = false, .programs = true, .first = (address - kAddress) / kWordSize, .bytes = {}};
  std::ranges::copy(bytes, operation.bytes.begin());
  if (words_[operation.first].state != State::kErased) complain("program over a program", address);
  begin(operation, now, kProgramTime);
}

void InternalFlash::settle(Time now) {
  if (now < busy_until_) return;
  finish();
}

void InternalFlash::finish() {
  if (operation_.erases) {
    for (std::uint32_t i = 0; i < kSectorWords; ++i) {
      Word& word = words_[operation_.first + i];
      word.bytes.fill(0xff);
      word.state = State::kErased;
      word.weak = false;
    }
  } else if (operation_.programs) {
    Word& word = words_[operation_.first];
    if (word.state != State::kErased) {
      break_up(word);  // two checksums, one over the other
    } else {
      word.bytes = operation_.bytes;
      word.state = State::kWritten;  // a weak word takes it, and stays weak
    }
  }
  operation_ = {};
}

// --- what a loss of power leaves

void InternalFlash::break_up(Word& word) {
  word.state = State::kBroken;
  for (std::uint8_t& byte : word.bytes) {
    byte = static_cast<std::uint8_t>(byte & prng_.below(256));
  }
}

void InternalFlash::stop_short() {
  if (operation_.erases) {
    stop_erase_short();
  } else {
    stop_program_short();
  }
}

// The cells of a sector are drawn up together, each at its own pace.
void InternalFlash::stop_erase_short() {
  const auto progress = static_cast<std::uint32_t>(prng_.below(1000));
  if (progress < kUnchangedPerMille) return;
  for (std::uint32_t i = 0; i < kSectorWords; ++i) {
    Word& word = words_[operation_.first + i];
    if (progress >= kReadsErasedPerMille) {
      word.bytes.fill(0xff);
      word.state = State::kErased;
      word.weak = prng_.chance(100);
    } else if (word.state == State::kErased) {
      // The first half of an erase writes what is erased, so that all cells are drawn up alike.
      break_up(word);
    } else if (prng_.chance(progress)) {
      break_up(word);
    } else {
      word.weak = true;
    }
  }
}

// From nothing, over a checksum that does not fit, to all of it, although not for long.
void InternalFlash::stop_program_short() {
  Word& word = words_[operation_.first];
  const auto progress = static_cast<std::uint32_t>(prng_.below(1000));
  if (word.state != State::kErased || (progress >= 250 && progress < 700)) return break_up(word);
  word.weak = true;
  if (progress < 250) return;
  word.bytes = operation_.bytes;
  word.state = State::kWritten;
}

// --- reading

bool InternalFlash::holds_now(const Word& word) {
  if (word.state == State::kBroken) return false;
  return !word.weak || is_kind_ || !prng_.chance(kFaultPerMille);
}

bool InternalFlash::read(std::uint32_t address, std::span<std::uint8_t> bytes, Time now) {
  CHECK(address >= kAddress && bytes.size() <= kSize && address - kAddress <= kSize - bytes.size());
  if (!powered_) return false;
  settle(now);
  if (now < busy_until_) {
    complain("read while an operation runs", address);
    return false;
  }
  const Word* looked_at = nullptr;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint32_t offset = address - kAddress + static_cast<std::uint32_t>(i);
    const Word& word = words_[offset / kWordSize];
    if (&word != looked_at && !holds_now(word)) return false;
    looked_at = &word;
    bytes[i] = word.bytes[offset % kWordSize];
  }
  return true;
}

// --- what a test looks at, and does to it

std::optional<std::vector<std::uint8_t>> InternalFlash::peek(std::uint32_t address,
                                                             std::uint32_t size) const {
  if (operation_.erases || operation_.programs) {
    InternalFlash done = *this;
    done.finish();
    return done.peek(address, size);
  }
  std::vector<std::uint8_t> bytes(size);
  for (std::uint32_t i = 0; i < size; ++i) {
    const Word& word = words_.at((address - kAddress + i) / kWordSize);
    if (word.state == State::kBroken) return std::nullopt;
    bytes[i] = word.bytes[(address - kAddress + i) % kWordSize];
  }
  return bytes;
}

bool InternalFlash::firm(std::uint32_t address, std::uint32_t size) const {
  const std::uint32_t first = (address - kAddress) / kWordSize;
  const std::uint32_t last = (address - kAddress + size - 1) / kWordSize;
  for (std::uint32_t i = first; i <= last; ++i) {
    if (words_.at(i).weak || words_.at(i).state == State::kBroken) return false;
  }
  return true;
}

void InternalFlash::poke(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  CHECK(address % kWordSize == 0 && bytes.size() % kWordSize == 0, "whole words only");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t offset = address - kAddress + i;
    Word& word = words_.at(offset / kWordSize);
    word.bytes[offset % kWordSize] = bytes[i];
    word.state = State::kWritten;
    word.weak = false;
  }
}

void InternalFlash::break_word(std::uint32_t address) {
  break_up(words_.at((address - kAddress) / kWordSize));
}

void InternalFlash::weaken_word(std::uint32_t address) {
  words_.at((address - kAddress) / kWordSize).weak = true;
}

}  // namespace gangd::model
