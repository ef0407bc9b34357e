// Bytes that differ from block to block and from one position to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gangd::model {

inline std::vector<std::uint8_t> pattern(std::uint64_t seed, std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  std::uint64_t x = seed * 0x9e3779b97f4a7c15 + 1;
  for (std::uint8_t& byte : bytes) {
    x = x * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<std::uint8_t>(x >> 56);
  }
  return bytes;
}

}  // namespace gangd::model
