// A sum that is wrong ends a session: the board takes its frame for damaged.
#include "base/known_sums.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/crc32c.h"

namespace gangd {
namespace {

constexpr std::size_t kCell = 4096;

ByteVector bytes_of(std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + (i >> 8));
  return bytes;
}

TEST(KnownSums, AreThoseOfTheBytesWhereverTheyAreCut) {
  const ByteVector bytes = bytes_of(5 * kCell + 100);
  for (const std::uint32_t address : {0x9000'0000U, 0x9000'0010U, 0x8fff'fff0U}) {
    KnownSums sums;
    sums.add(address, bytes);
    for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{16}, kCell - 1, kCell,
                                 2 * kCell - 16, 5 * kCell, 5 * kCell + 99}) {
      for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{17}, kCell,
                                     2 * kCell, 3 * kCell + 5, bytes.size()}) {
        const ByteView piece = ByteView(bytes).subspan(at, std::min(size, bytes.size() - at));
        EXPECT_EQ(sums.of(piece), crc32c(piece)) << address << " " << at << " " << size;
      }
    }
  }
}

TEST(KnownSums, OtherBytesHaveTheirOwn) {
  const ByteVector known = bytes_of(3 * kCell);
  KnownSums sums;
  sums.add(0x9000'0000, known);
  ByteVector copy = known;
  copy[5] ^= 1;
  EXPECT_EQ(sums.of(copy), crc32c(copy));
  EXPECT_EQ(KnownSums().of(known), crc32c(known));
}

TEST(KnownSums, SeveralPartsAreKnownBesideEachOther) {
  const ByteVector first = bytes_of(2 * kCell), second = bytes_of(4 * kCell);
  KnownSums sums;
  sums.add(0x9000'0000, first);
  sums.add(0x9100'0000, second);
  sums.add(0x9200'0000, ByteView(second).first(10));
  EXPECT_EQ(sums.of(first), crc32c(first));
  EXPECT_EQ(sums.of(second), crc32c(second));
}

TEST(KnownSums, FullIsOnlyWhatHasNoBlankPage) {
  ByteVector bytes = bytes_of(4 * kCell + 100);
  std::fill(bytes.begin() + kCell + 256, bytes.begin() + kCell + 512, 0xff);
  KnownSums sums;
  sums.add(0x9000'0000, bytes);
  const ByteView view(bytes);
  EXPECT_TRUE(sums.are_full(view.first(kCell)));
  EXPECT_FALSE(sums.are_full(view.first(2 * kCell)));
  EXPECT_TRUE(sums.are_full(view.subspan(2 * kCell, 2 * kCell)));
  EXPECT_FALSE(sums.are_full(view.subspan(3 * kCell, kCell + 100)));
  EXPECT_FALSE(sums.are_full(view.subspan(100, kCell)));
  EXPECT_FALSE(sums.are_full(bytes_of(kCell)));
}

// What breaks: each board has the same bytes summed up anew.
TEST(KnownSums, AreNotMadeAgain) {
  ByteVector bytes = bytes_of(2 * kCell);
  KnownSums sums;
  sums.add(0x9000'0000, bytes);
  const std::uint32_t before = crc32c(bytes);
  bytes[100] ^= 1;  // which nobody does: it shows that nobody looks
  EXPECT_EQ(sums.of(bytes), before);
}

}  // namespace
}  // namespace gangd
