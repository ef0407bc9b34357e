// Mpu: the memory protection unit of ARMv7-M: its registers, and what they allow.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/emu/core.h"

namespace gangd::emu {

class Mpu {
 public:
  static constexpr unsigned kRegions = 16;

  void reset() { *this = {}; }

  // Offsets from MPU_TYPE. Nothing: there is no such register.
  std::optional<std::uint32_t> read(std::uint32_t offset) const;
  bool write(std::uint32_t offset, std::uint32_t value);

  bool on() const { return (control_ & 1) != 0; }
  // In force while a handler of NMI or HardFault runs, or FAULTMASK is set.
  bool on_in_faults() const { return (control_ & 2) != 0; }

  struct Rights {
    bool read = true;
    bool write = true;
    bool fetch = true;
    friend bool operator==(const Rights&, const Rights&) = default;
  };
  // Of one byte. `enabled`: on(), and not suspended.
  Rights rights(std::uint32_t address, bool privileged, bool enabled) const;
  // Whether nothing in there is read ahead: device or strongly ordered memory that is never run.
  // `no_access`: nor read at all.
  bool shuts(std::uint32_t address, std::uint32_t size, bool no_access) const;
  // Whether all of this page has the same rights.
  bool uniform(std::uint32_t page, std::uint32_t size) const;
  // Changes with every write.
  std::uint64_t version() const { return version_; }

 private:
  struct Region {
    std::uint32_t base = 0;
    std::uint32_t attributes = 0;
  };

  Region& selected() { return regions_[number_]; }
  static std::uint64_t size(const Region& region);
  static bool covers(const Region& region, std::uint32_t address);
  const Region* region_of(std::uint32_t address) const;

  std::uint32_t control_ = 0;
  std::uint32_t number_ = 0;
  std::array<Region, kRegions> regions_{};
  std::uint64_t version_ = 0;
};

}  // namespace gangd::emu
