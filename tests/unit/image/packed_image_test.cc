// Packed bytes are written into units in place of the image's: they must unpack to it.
#include "image/packed_image.h"

#include <gtest/gtest.h>
#include <lz4.h>

#include <algorithm>
#include <random>

#include "base/page_run.h"

namespace gangd {
namespace {

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::size_t kPieceMax = 16384;

// Half text that comes again and again, half noise, and blank pages between.
ByteVector mixed(std::size_t size) {
  std::minstd_rand noise(1);
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    const bool is_noise = i / 20'000 % 2 == 1;
    bytes[i] = static_cast<std::uint8_t>(is_noise ? noise() >> 8 : i % 97 * (i / 1000));
    if (i / 1024 % 7 == 3) bytes[i] = 0xff;
  }
  return bytes;
}

Image image_of(ByteVector bytes) {
  return *Image::make({{"a.bin", kFlash, std::move(bytes)}, {"b.bin", 0x1000, ByteVector(300)}});
}

PackedPieces pack(PackedImage& packed) {
  PackedPieces all;
  while (!packed.is_done()) {
    const auto some = packed.pack_some();
    EXPECT_TRUE(some);
    if (!some) break;
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

TEST(PackedImage, EachPieceUnpacksToWhatTheImageHasThere) {
  const ByteVector bytes = mixed(3'000'000);
  const Image image = image_of(bytes);
  const auto packed = PackedImage::make(image, kPieceMax);
  ASSERT_TRUE(packed);
  const PackedPieces pieces = pack(**packed);
  ASSERT_GT(pieces.size(), 100U);
  EXPECT_EQ(pieces.front().address, 0x1000U);
  EXPECT_TRUE(std::ranges::is_sorted(pieces, {}, &PackedPiece::address));
  for (const PackedPiece& piece : pieces) {
    if (piece.address < kFlash) continue;
    const std::size_t at = piece.address - kFlash;
    const PageRun run = next_run(kFlash, bytes, at, kPieceMax);
    ASSERT_EQ(run.at, at);
    ASSERT_EQ(run.size, piece.size);
    ASSERT_LT(piece.block.size(), piece.size);
    ByteVector unpacked(piece.size);
    ASSERT_EQ(
        LZ4_decompress_safe(reinterpret_cast<const char*>(piece.block.data()),
                            reinterpret_cast<char*>(unpacked.data()),
                            static_cast<int>(piece.block.size()), static_cast<int>(piece.size)),
        static_cast<int>(piece.size));
    ASSERT_TRUE(std::ranges::equal(unpacked, ByteView(bytes).subspan(at, piece.size))) << at;
  }
}

TEST(PackedImage, WhatIsNotShorterIsLeftOut) {
  std::minstd_rand noise(2);
  ByteVector bytes(100'000);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(noise() >> 8);
  const Image image = *Image::make({{"a.bin", kFlash, std::move(bytes)}});
  EXPECT_TRUE(pack(**PackedImage::make(image, kPieceMax)).empty());
}

// Memory is promised: what finds no room is sent as it is.
TEST(PackedImage, ItTakesNoMoreThanItsRoom) {
  const ByteVector bytes = mixed(3'000'000);
  const Image image = image_of(bytes);
  constexpr std::size_t kRoom = 200'000;
  std::size_t sum = 0;
  for (const PackedPiece& piece : pack(**PackedImage::make(image, kPieceMax, kRoom))) {
    sum += piece.block.size();
  }
  EXPECT_LE(sum, kRoom);
  EXPECT_GT(sum, kRoom - kPieceMax);
}

}  // namespace
}  // namespace gangd
