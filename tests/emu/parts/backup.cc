#include "tests/emu/parts/backup.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace gangd::emu {
namespace {

constexpr std::uint32_t kFirst = 0x100, kCount = 32;
constexpr std::uint32_t kSram = 0x38800000;

std::vector<RegisterRule> rules() {
  std::vector<RegisterRule> all;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    all.push_back({.offset = kFirst + 4 * i, .name = "BKPxR", .writable = ~0u, .sizes = kWords});
  }
  return all;
}

}  // namespace

Backup::Backup(Chip& chip, const Outside& outside, const Rcc& rcc, const Pwr& pwr)
    : chip_(chip),
      outside_(outside),
      rcc_(rcc),
      pwr_(pwr),
      rules_(rules()),
      registers_(chip, "TAMP", rules_) {}

// Without a battery registers are cleared when the supply goes, and the SRAM holds anything.
void Backup::reset(bool cold) {
  if (cold) {
    registers_.reset();
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(outside_.seed));
    std::ranges::generate(sram_, [&] { return static_cast<std::uint8_t>(random() >> 8); });
  }
  chip_.open_window(kSram, kSramSize, *this, true);
}

bool Backup::has_clock() {
  if (rcc_.runs(gates::kBackupRam)) return true;
  chip_.violate("backup SRAM: an access without its clock in RCC");
  return false;
}

bool Backup::fill(std::uint32_t offset, std::span<std::uint8_t> page) {
  if (!has_clock()) return false;
  std::ranges::copy(std::span(sram_).subspan(offset, page.size()), page.begin());
  return true;
}

void Backup::store(std::uint32_t offset, std::span<const std::uint8_t> bytes) {
  if (!has_clock()) return;
  if (!pwr_.backup_is_writable()) {
    return chip_.violate(
        fmt::format("backup SRAM: a write at offset {:X}h while PWR_CR1.DBP protects it", offset));
  }
  std::ranges::copy(bytes, sram_.begin() + offset);
}

std::uint32_t Backup::read(std::uint32_t offset, unsigned size) {
  return registers_.read(offset, size);
}

void Backup::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  if (!pwr_.backup_is_writable()) {
    registers_.violate(
        fmt::format("BKP{}R written while PWR_CR1.DBP protects it", (write->offset - kFirst) / 4));
    return;
  }
  registers_.set(write->offset, write->value);
}

}  // namespace gangd::emu
