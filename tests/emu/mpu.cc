#include "tests/emu/mpu.h"

#include <algorithm>

namespace gangd::emu {
namespace {

constexpr std::uint32_t kEnable = 1, kBackground = 4, kControlBits = 7;
constexpr std::uint32_t kValid = 1u << 4;
constexpr std::uint32_t kAttributeBits = 0x173fff3f;
constexpr std::uint64_t kSmallestWithParts = 256;

// Of ARMv7-M, table of AP bits.
Mpu::Rights by_access_bits(unsigned bits, bool privileged) {
  switch (bits) {
    case 1:
      return {.read = privileged, .write = privileged, .fetch = privileged};
    case 2:
      return {.read = true, .write = privileged, .fetch = true};
    case 3:
      return {.read = true, .write = true, .fetch = true};
    case 5:
      return {.read = privileged, .write = false, .fetch = privileged};
    case 6:
    case 7:
      return {.read = true, .write = false, .fetch = true};
    default:
      return {.read = false, .write = false, .fetch = false};
  }
}

// What is never run without a region that allows it: registers and devices.
bool default_fetch(std::uint32_t address) {
  const std::uint32_t block = address >> 29;
  return block <= 1 || block == 3 || block == 4;
}

constexpr bool is_system(std::uint32_t address) {
  return address >= 0xe0000000;
}

}  // namespace

std::optional<std::uint32_t> Mpu::read(std::uint32_t offset) const {
  const Region& region = regions_[number_];
  switch (offset) {
    case 0x00:
      return kRegions << 8;
    case 0x04:
      return control_;
    case 0x08:
      return number_;
    case 0x0c:
    case 0x14:
    case 0x1c:
    case 0x24:
      return region.base | number_;
    case 0x10:
    case 0x18:
    case 0x20:
    case 0x28:
      return region.attributes;
    default:
      return std::nullopt;
  }
}

bool Mpu::write(std::uint32_t offset, std::uint32_t value) {
  ++version_;
  switch (offset) {
    case 0x00:
      return true;
    case 0x04:
      control_ = value & kControlBits;
      return true;
    case 0x08:
      number_ = value % kRegions;
      return true;
    case 0x0c:
    case 0x14:
    case 0x1c:
    case 0x24:
      if ((value & kValid) != 0) number_ = value % kRegions;
      selected().base = value & ~0x1fu;
      return true;
    case 0x10:
    case 0x18:
    case 0x20:
    case 0x28:
      selected().attributes = value & kAttributeBits;
      return true;
    default:
      return false;
  }
}

std::uint64_t Mpu::size(const Region& region) {
  return std::uint64_t{2} << (region.attributes >> 1 & 0x1f);
}

bool Mpu::covers(const Region& region, std::uint32_t address) {
  if ((region.attributes & kEnable) == 0) return false;
  const std::uint64_t bytes = size(region);
  const std::uint64_t base = region.base & ~(bytes - 1);
  if (address - base >= bytes) return false;
  if (bytes < kSmallestWithParts) return true;
  const auto part = static_cast<unsigned>((address - base) / (bytes / 8));
  return (region.attributes >> (8 + part) & 1) == 0;
}

// The last of those that cover it.
const Mpu::Region* Mpu::region_of(std::uint32_t address) const {
  for (unsigned n = kRegions; n-- > 0;) {
    if (covers(regions_[n], address)) return &regions_[n];
  }
  return nullptr;
}

// What decides changes only where a region, or an eighth of one, begins or ends.
bool Mpu::shuts(std::uint32_t address, std::uint32_t range, bool no_access) const {
  if (!on()) return false;
  std::vector<std::uint64_t> edges = {address};
  for (const Region& region : regions_) {
    if ((region.attributes & kEnable) == 0) continue;
    const std::uint64_t bytes = size(region), base = region.base & ~(bytes - 1);
    for (unsigned eighth = 0; eighth <= 8; ++eighth) edges.push_back(base + bytes / 8 * eighth);
  }
  return std::ranges::all_of(edges, [&](std::uint64_t edge) {
    if (edge < address || edge - address >= range) return true;
    const Region* const region = region_of(static_cast<std::uint32_t>(edge));
    if (region == nullptr) return false;
    const std::uint32_t type = region->attributes >> 16 & 0x3b;  // TEX, C, B
    const bool is_memory = type > 1 && type != 0x10;
    const bool never_run = (region->attributes >> 28 & 1) != 0;
    return !is_memory && never_run && (!no_access || (region->attributes >> 24 & 7) == 0);
  });
}

Mpu::Rights Mpu::rights(std::uint32_t address, bool privileged, bool enabled) const {
  Rights rights;
  if (is_system(address)) return {.read = true, .write = true, .fetch = false};
  rights.fetch = default_fetch(address);
  if (!enabled) return rights;
  if (const Region* const region = region_of(address)) {
    rights = by_access_bits(region->attributes >> 24 & 7, privileged);
    if ((region->attributes >> 28 & 1) != 0) rights.fetch = false;
    return rights;
  }
  if (privileged && (control_ & kBackground) != 0) return rights;
  return {.read = false, .write = false, .fetch = false};
}

// A region, or an eighth of one, that begins or ends inside makes it two.
bool Mpu::uniform(std::uint32_t page, std::uint32_t page_size) const {
  for (const Region& region : regions_) {
    if ((region.attributes & kEnable) == 0) continue;
    const std::uint64_t bytes = size(region);
    const bool in_parts = bytes >= kSmallestWithParts && (region.attributes >> 8 & 0xff) != 0;
    const std::uint64_t grain = in_parts ? bytes / 8 : bytes;
    if (grain >= page_size) continue;
    const std::uint64_t base = region.base & ~(bytes - 1);
    if (base < std::uint64_t{page} + page_size && page < base + bytes) return false;
  }
  return true;
}

}  // namespace gangd::emu
