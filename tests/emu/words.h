// Little-endian words in bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace gangd::emu {

inline std::uint32_t word_at(std::span<const std::uint8_t> bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(bytes[offset] | bytes[offset + 1] << 8 |
                                    bytes[offset + 2] << 16) |
         std::uint32_t{bytes[offset + 3]} << 24;
}

inline std::array<std::uint8_t, 4> bytes_of(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
          static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 24)};
}

}  // namespace gangd::emu
