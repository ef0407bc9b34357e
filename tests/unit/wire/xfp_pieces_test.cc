// What is cut into frames must be all of it, but for what erased memory holds anyway.
#include "wire/xfp_pieces.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/sim/prng.h"

namespace gangd {
namespace {

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::size_t kMax = 16384;
constexpr std::size_t kPage = 256;

std::vector<XfpPieces::Piece> cut(std::uint32_t address, ByteView bytes, std::size_t max = kMax,
                                  const PackedPieces& packed = {}) {
  // What is known of the bytes saves a look at them, and changes nothing.
  const KnownSums nothing;
  KnownSums sums;
  sums.add(address, bytes);
  XfpPieces pieces(address, bytes, max, true, nothing);
  XfpPieces known(address, bytes, max, true, sums);
  std::vector<XfpPieces::Piece> all;
  while (true) {
    const XfpPieces::Piece piece = pieces.next(packed);
    const XfpPieces::Piece same = known.next(packed);
    EXPECT_TRUE(same.at == piece.at && same.bytes.size() == piece.bytes.size());
    EXPECT_TRUE(same.codec == piece.codec && same.payload.data() == piece.payload.data());
    if (piece.bytes.empty()) break;
    all.push_back(piece);
  }
  EXPECT_EQ(pieces.position(), bytes.size());
  return all;
}

ByteVector noise(std::size_t size, std::uint64_t seed = 1) {
  sim::Prng dice(seed);
  ByteVector bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(dice.below(255));
  return bytes;
}

// What a device has after it has taken them.
ByteVector unpacked(const std::vector<XfpPieces::Piece>& pieces, std::size_t size) {
  ByteVector bytes(size, 0xff);
  for (const XfpPieces::Piece& piece : pieces) {
    for (std::size_t i = 0; i < piece.bytes.size(); ++i) {
      bytes[piece.at + i] =
          piece.codec == XFP_FILL ? piece.payload[i % piece.payload.size()] : piece.payload[i];
    }
  }
  return bytes;
}

TEST(XfpPieces, BlankPagesAreLeftOut) {
  ByteVector bytes = noise(10 * kPage);
  std::fill_n(bytes.begin() + 2 * kPage, 3 * kPage, std::uint8_t{0xff});
  std::fill_n(bytes.begin() + 9 * kPage, kPage, std::uint8_t{0xff});
  const auto pieces = cut(kFlash, bytes);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].at, 0U);
  EXPECT_EQ(pieces[0].bytes.size(), 2 * kPage);
  EXPECT_EQ(pieces[1].at, 5 * kPage);
  EXPECT_EQ(pieces[1].bytes.size(), 4 * kPage);
  EXPECT_EQ(unpacked(pieces, bytes.size()), bytes);
}

TEST(XfpPieces, NothingButBlankIsNoPiece) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kPage, 100 * kPage + 3}) {
    EXPECT_TRUE(cut(kFlash + 5, ByteVector(size, 0xff)).empty()) << size;
  }
}

// Pages are those of the chip, not of the bytes: half of a page that is not blank is sent.
TEST(XfpPieces, PagesAreCountedByAddress) {
  ByteVector bytes(3 * kPage, 0xff);
  bytes[kPage] = 0;
  const auto pieces = cut(kFlash + 10, bytes);
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].at, kPage - 10);
  EXPECT_EQ(pieces[0].bytes.size(), kPage);
}

TEST(XfpPieces, OneValueIsAFill) {
  const ByteVector zeros(5 * kPage, 0x00);
  const auto pieces = cut(kFlash, zeros);
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].codec, XFP_FILL);
  EXPECT_EQ(pieces[0].payload.size(), 1U);
  EXPECT_EQ(unpacked(pieces, zeros.size()), zeros);
  ByteVector almost = zeros;
  almost.back() = 1;
  const auto raw = cut(kFlash, almost);
  ASSERT_EQ(raw.size(), 1U);
  EXPECT_EQ(raw[0].codec, XFP_RAW);
  EXPECT_EQ(raw[0].payload.size(), almost.size());
}

// A chip behind a slow bus would wait for all of the first frame.
// A board that would refuse them, and with them all that follows.
TEST(XfpPieces, WithoutFillsThereAreNone) {
  const ByteVector bytes(3 * kMax, 0x5a);
  const KnownSums nothing;
  XfpPieces pieces(kFlash, bytes, kMax, false, nothing);
  std::size_t size = 0;
  for (XfpPieces::Piece piece = pieces.next({}); !piece.bytes.empty(); piece = pieces.next({})) {
    EXPECT_EQ(piece.codec, XFP_RAW);
    EXPECT_EQ(piece.payload.size(), piece.bytes.size());
    size += piece.bytes.size();
  }
  EXPECT_EQ(size, bytes.size());
}

TEST(XfpPieces, TheFirstOnesAreSmall) {
  const ByteVector bytes = noise(200'000);
  const auto pieces = cut(kFlash, bytes);
  EXPECT_LE(pieces.front().bytes.size(), 4096U);
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    EXPECT_LE(pieces[i].bytes.size(), std::max<std::size_t>(4096, pieces[i].at)) << i;
  }
  EXPECT_EQ(pieces[pieces.size() / 2].bytes.size(), kMax);
  EXPECT_EQ(unpacked(pieces, bytes.size()), bytes);
}

// A block of other bytes than those of the piece is of no use to it.
TEST(XfpPieces, WhatIsPackedIsTakenWhereItFits) {
  const ByteVector bytes = noise(2 * kMax);
  const ByteVector block = {1, 2, 3};
  const auto address_of = [](std::size_t at) { return static_cast<std::uint32_t>(kFlash + at); };
  const auto pieces = cut(kFlash, bytes, kMax, {{address_of(0), kMax, block}});
  ASSERT_GE(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].codec, XFP_LZ4);
  EXPECT_EQ(pieces[0].bytes.size(), kMax);
  EXPECT_EQ(pieces[0].payload.data(), block.data());
  EXPECT_EQ(pieces[1].codec, XFP_RAW);
  for (const PackedPiece& other :
       {PackedPiece{address_of(256), kMax, block}, PackedPiece{address_of(0), kMax - 256, block}}) {
    for (const XfpPieces::Piece& piece : cut(kFlash, bytes, kMax, {other})) {
      EXPECT_EQ(piece.codec, XFP_RAW);
    }
  }
}

TEST(XfpPieces, WhateverTheBytesAreTheyArrive) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    sim::Prng dice(seed);
    ByteVector bytes = noise(1 + dice.below(60'000), seed);
    for (std::uint64_t runs = dice.below(12); runs > 0; --runs) {
      const std::size_t from = dice.below(bytes.size());
      const std::size_t size = std::min<std::size_t>(dice.below(9000), bytes.size() - from);
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), size,
                  dice.chance(600) ? std::uint8_t{0xff} : std::uint8_t{0x00});
    }
    const std::size_t max = std::size_t{512} << dice.below(6);
    const auto address = static_cast<std::uint32_t>(kFlash + dice.below(1000));
    const auto pieces = cut(address, bytes, max);
    EXPECT_EQ(unpacked(pieces, bytes.size()), bytes);
    std::size_t end = 0;
    for (const XfpPieces::Piece& piece : pieces) {
      EXPECT_GE(piece.at, end);
      EXPECT_LE(piece.bytes.size(), max);
      EXPECT_TRUE(piece.at == 0 || (address + piece.at) % kPage == 0);
      end = piece.at + piece.bytes.size();
    }
  }
}

}  // namespace
}  // namespace gangd
