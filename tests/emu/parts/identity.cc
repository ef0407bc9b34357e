#include "tests/emu/parts/identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gangd::emu {

// 08FFF800h: 96 bits of the id. 08FFF80Ch: kilobytes of flash, then the package.
std::uint32_t Identity::read(std::uint32_t offset, unsigned size) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(outside_.uid, bytes.begin());
  bytes[12] = 64;
  if (offset + size > bytes.size()) {
    chip_.violate(fmt::format("UID: a read at offset {:X}h, where nothing is", offset));
    return 0;
  }
  std::uint32_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= std::uint32_t(bytes[offset + i]) << (8 * i);
  return value;
}

void Identity::write(std::uint32_t offset, unsigned /*size*/, std::uint32_t /*value*/) {
  chip_.violate(fmt::format("UID: a write at offset {:X}h, which is read-only", offset));
}

}  // namespace gangd::emu
