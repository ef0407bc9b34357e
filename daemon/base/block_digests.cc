#include "base/block_digests.h"

#include <algorithm>

namespace gangd {

std::vector<std::uint32_t> block_digests(std::uint32_t address, ByteView bytes,
                                         const KnownSums& sums) {
  std::vector<std::uint32_t> digests;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t room = kDigestBlock - (address + at) % kDigestBlock;
    const ByteView block = bytes.subspan(at, std::min(room, bytes.size() - at));
    digests.push_back(sums.of(block));
    at += block.size();
  }
  return digests;
}

}  // namespace gangd
