#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <numeric>

namespace gangd {
namespace {

// The other end computes it in firmware: only the published values tell who is wrong.
TEST(Crc32c, HasTheValuesOfRfc3720) {
  EXPECT_EQ(crc32c_portable(as_bytes("123456789")), 0xe3069283u);
  ByteVector bytes(32, 0x00);
  EXPECT_EQ(crc32c(bytes), 0x8a9136aau);
  bytes.assign(32, 0xff);
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43u);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  EXPECT_EQ(crc32c(bytes), 0x46dd794eu);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, OfTwoRunsIsThatOfBoth) {
  ByteVector bytes(70'000);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{3});
  const ByteView view(bytes);
  for (const std::size_t cut : {0U, 1U, 7U, 4096U, 65'535U, 65'536U, 69'999U, 70'000U}) {
    const std::uint32_t rest = crc32c(view.subspan(cut));
    EXPECT_EQ(crc32c_joined(crc32c(view.first(cut)), rest, bytes.size() - cut), crc32c(bytes));
  }
}

// Eight bytes at a time, then the rest: every way to cut must give the same.
TEST(Crc32c, ContinuesFromAnyCut) {
  ByteVector bytes(41);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{7});
  const std::uint32_t whole = crc32c(bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const ByteView view(bytes);
    EXPECT_EQ(crc32c(view.subspan(cut), crc32c(view.first(cut))), whole) << "cut at " << cut;
  }
}

// Lanes are put together where they meet: sizes around each number of them, at any alignment.
TEST(Crc32c, IsTheSameWithAndWithoutTheInstruction) {
  ByteVector bytes(20'000);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  for (const std::size_t around : {0U, 1024U, 3072U, 6144U, 9216U, 16384U}) {
    for (std::size_t size = around < 9 ? 0 : around - 9; size <= around + 9; ++size) {
      for (const std::size_t from : {0U, 1U, 7U}) {
        const ByteView view = ByteView(bytes).subspan(from, size);
        EXPECT_EQ(crc32c(view, state), crc32c_portable(view, state)) << size << " from " << from;
      }
    }
  }
}

}  // namespace
}  // namespace gangd
