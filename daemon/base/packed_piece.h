// Pieces of what is written, as LZ4 blocks.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace gangd {

// The bytes at [address, address + size), as a block that is shorter.
struct PackedPiece {
  std::uint32_t address = 0;
  std::uint32_t size = 0;
  ByteView block;
};

// In order of address. More may come at the end while somebody uses them.
using PackedPieces = std::vector<PackedPiece>;

}  // namespace gangd
