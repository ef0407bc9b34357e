// Both ends must cut a memory at the same places, or everything differs.
#include "base/block_digests.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"

namespace gangd {
namespace {

using Digests = std::vector<std::uint32_t>;

ByteVector bytes_of(std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + (i >> 8));
  return bytes;
}

TEST(BlockDigests, BlocksEndAtMultiplesOfTheirSize) {
  const ByteVector bytes = bytes_of(2 * kDigestBlock + 10);
  const ByteView view = bytes;
  EXPECT_EQ(block_digests(0x9000'0000, bytes),
            (Digests{crc32c(view.first(kDigestBlock)),
                     crc32c(view.subspan(kDigestBlock, kDigestBlock)), crc32c(view.last(10))}));
  EXPECT_EQ(block_digests(0x9000'fff0, bytes),
            (Digests{crc32c(view.first(16)), crc32c(view.subspan(16, kDigestBlock)),
                     crc32c(view.subspan(16 + kDigestBlock))}));
}

TEST(BlockDigests, NothingHasNone) {
  EXPECT_EQ(block_digests(0x9000'0000, {}), Digests());
}

TEST(BlockDigests, TheLastBlockOfTheAddressSpaceIsOne) {
  const ByteVector bytes = bytes_of(kDigestBlock);
  EXPECT_EQ(block_digests(0xffff'0000, bytes), (Digests{crc32c(bytes)}));
}

TEST(BlockDigests, OneBitShowsInItsBlockOnly) {
  ByteVector bytes = bytes_of(4 * kDigestBlock);
  const Digests before = block_digests(0x9000'0000, bytes);
  bytes[2 * kDigestBlock] ^= 1;
  const Digests after = block_digests(0x9000'0000, bytes);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(before[i] == after[i], i != 2) << i;
}

}  // namespace
}  // namespace gangd
