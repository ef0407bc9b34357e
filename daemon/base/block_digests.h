// Short digests of the blocks of a memory, to find out which of them differ.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/known_sums.h"

namespace gangd {

// Blocks end at multiples of this address; the first and the last one may be shorter.
constexpr std::uint32_t kDigestBlock = 65536;

// CRC-32C of each block of bytes that lie at `address`. Good for finding out what differs, not for
// proving that nothing does.
std::vector<std::uint32_t> block_digests(std::uint32_t address, ByteView bytes,
                                         const KnownSums& sums = KnownSums());

}  // namespace gangd
