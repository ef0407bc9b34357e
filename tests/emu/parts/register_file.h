// The registers of a peripheral, as its document lists them. A register that is not listed does not
// exist; a bit that is neither writable nor read-only is reserved.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/emu/peripheral.h"

namespace gangd::emu {

// Sizes of access, in bytes, as bits: 1 | 2 | 4.
inline constexpr std::uint8_t kWords = 4;
inline constexpr std::uint8_t kAnySize = 1 | 2 | 4;

struct RegisterRule {
  std::uint32_t offset = 0;
  std::string_view name;
  std::uint32_t reset = 0;
  std::uint32_t writable = 0;
  std::uint32_t read_only = 0;  // what is written there is ignored
  std::uint8_t sizes = kAnySize;
};

class RegisterFile {
 public:
  // `owner` names the peripheral in violations. `rules`, in the order of their offsets, outlive it.
  RegisterFile(Chip& chip, std::string owner, std::span<const RegisterRule> rules);

  const std::string& owner() const { return owner_; }
  // All registers take their reset values.
  void reset();

  // The register that holds this offset; null after a violation: it does not exist, or not in this
  // size.
  const RegisterRule* find(std::uint32_t offset, unsigned size, std::string_view doing) const;
  // The value, which may have been kept up with set(), in the size and place that were asked for.
  std::uint32_t read(std::uint32_t offset, unsigned size) const;

  struct Write {
    std::uint32_t offset = 0;  // of the register
    std::uint32_t old = 0;
    std::uint32_t value = 0;    // the whole register as it would be, read-only bits as before
    std::uint32_t written = 0;  // what was written, in its place; elsewhere zeros
  };
  // Nothing is stored. Nothing: a violation.
  std::optional<Write> write(std::uint32_t offset, unsigned size, std::uint32_t value) const;

  std::uint32_t get(std::uint32_t offset) const { return values_[index(offset)]; }
  void set(std::uint32_t offset, std::uint32_t value) { values_[index(offset)] = value; }
  void change(std::uint32_t offset, std::uint32_t mask, bool high);
  bool has(std::uint32_t offset, std::uint32_t mask) const { return (get(offset) & mask) == mask; }
  std::string_view name(std::uint32_t offset) const { return rules_[index(offset)].name; }

  // "OWNER: " and the sentence.
  void violate(std::string_view sentence) const;

 private:
  static constexpr std::uint16_t kNowhere = 0xffff;

  std::size_t place(std::uint32_t offset) const {
    return offset / 4 < places_.size() ? places_[offset / 4] : kNowhere;
  }
  std::size_t index(std::uint32_t offset) const;

  Chip& chip_;
  const std::string owner_;
  const std::span<const RegisterRule> rules_;
  std::vector<std::uint32_t> values_;
  std::vector<std::uint16_t> places_;  // in rules_, by word of the block; kNowhere: none
};

}  // namespace gangd::emu
