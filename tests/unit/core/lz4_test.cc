// The device's LZ4 decoder against the encoder that everybody uses, in steps of any size, and
// against blocks that nobody should send.
#include "target_fw/core/lz4.h"

#include <gtest/gtest.h>
#include <lz4.h>

#include <algorithm>
#include <string>

#include "target_fw/core/blank.h"
#include "tests/sim/prng.h"
#include "tests/unit/core/pattern.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Unpacked {
  lz4_state state;
  Bytes bytes;
  int steps;
};

// Both areas are of the exact size, so that ASan sees one byte too many.
Unpacked unpack(const Bytes& block, std::size_t size, std::uint32_t step = UINT32_MAX) {
  Unpacked result{LZ4_TOKEN, Bytes(size), 0};
  lz4 decoder;
  lz4_begin(&decoder, block.data(), static_cast<std::uint32_t>(block.size()), result.bytes.data(),
            static_cast<std::uint32_t>(size));
  do {
    result.state = lz4_step(&decoder, step);
    ++result.steps;
  } while (result.state < LZ4_DONE && result.steps < 1'000'000);
  return result;
}

Bytes pack(const Bytes& bytes) {
  const int size = static_cast<int>(bytes.size());
  Bytes block(static_cast<std::size_t>(LZ4_compressBound(size)));
  const int packed = LZ4_compress_default(reinterpret_cast<const char*>(bytes.data()),
                                          reinterpret_cast<char*>(block.data()), size,
                                          static_cast<int>(block.size()));
  EXPECT_GT(packed, 0);
  block.resize(static_cast<std::size_t>(packed));
  return block;
}

// Runs, repetitions of any distance, and noise.
Bytes any_bytes(sim::Prng& dice) {
  Bytes bytes;
  const std::size_t size = 1 + dice.below(16384);
  while (bytes.size() < size) {
    const std::size_t run = 1 + dice.below(dice.chance(100) ? 3000 : 40);
    const std::uint64_t kind = dice.below(3);
    const std::size_t back = bytes.empty() ? 0 : 1 + dice.below(bytes.size());
    for (std::size_t i = 0; i < run; ++i) {
      const bool repeats = kind == 1 && back > 0;
      bytes.push_back(repeats ? bytes[bytes.size() - back]
                              : static_cast<std::uint8_t>(kind == 2 ? 0x41 : dice.below(256)));
    }
  }
  return bytes;
}

TEST(Lz4, UnpacksWhatTheEncoderPacks) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    sim::Prng dice(seed);
    const Bytes bytes = any_bytes(dice);
    const Bytes block = pack(bytes);
    for (const std::uint32_t step : {UINT32_MAX, 1U + static_cast<std::uint32_t>(seed % 50)}) {
      const Unpacked result = unpack(block, bytes.size(), step);
      ASSERT_EQ(result.state, LZ4_DONE) << seed << " " << step;
      ASSERT_EQ(result.bytes, bytes) << seed << " " << step;
    }
  }
}

// Whoever polls meanwhile must not wait longer than it says.
TEST(Lz4, AStepIsNoLongerThanItMayBe) {
  const Bytes bytes(16384, 0x55);
  const Unpacked result = unpack(pack(bytes), bytes.size(), 100);
  EXPECT_EQ(result.bytes, bytes);
  EXPECT_GE(result.steps, 16384 / 100);
}

TEST(Lz4, AnotherSizeThanPromisedIsBroken) {
  const Bytes bytes = pattern(1, 1000);
  const Bytes block = pack(bytes);
  EXPECT_EQ(unpack(block, 999).state, LZ4_BROKEN);
  EXPECT_EQ(unpack(block, 1001).state, LZ4_BROKEN);
}

TEST(Lz4, ABlockThatIsCutAnywhereIsBroken) {
  sim::Prng dice(7);
  const Bytes bytes = any_bytes(dice);
  const Bytes block = pack(bytes);
  for (std::size_t size = 0; size < block.size(); ++size) {
    const Bytes part(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(unpack(part, bytes.size(), 64).state, LZ4_BROKEN) << size;
  }
}

struct Malformed {
  const char* what;
  Bytes block;
};

TEST(Lz4, WhatNobodyShouldSendIsBroken) {
  const Malformed blocks[] = {
      {"nothing", {}},
      {"more literals than there are", {0x50, 'a', 'b'}},
      {"a length that does not end", {0xf0, 255, 255}},
      {"a length beyond everything", {0xf0, 255, 255, 255, 255, 255, 255, 255, 255, 0}},
      {"half of an offset", {0x10, 'a', 1}},
      {"offset 0", {0x14, 'a', 0, 0, 0x00}},
      {"an offset before the beginning", {0x14, 'a', 2, 0, 0x00}},
      {"a match longer than what may come", {0x1f, 'a', 1, 0, 200, 0x00}},
      {"a match whose length does not end", {0x1f, 'a', 1, 0, 255}},
      {"literals behind what may come", {0x10, 'a', 1, 0, 0xf0, 200}},
  };
  for (const Malformed& each : blocks) {
    for (const std::uint32_t step : {UINT32_MAX, 1U}) {
      EXPECT_EQ(unpack(each.block, 64, step).state, LZ4_BROKEN) << each.what;
    }
  }
}

TEST(Lz4, AnyChangedByteEndsWithinTheAreas) {
  sim::Prng dice(9);
  const Bytes bytes = any_bytes(dice);
  const Bytes good = pack(bytes);
  for (int i = 0; i < 2000; ++i) {
    Bytes block = good;
    block[dice.below(block.size())] = static_cast<std::uint8_t>(dice.below(256));
    EXPECT_GE(unpack(block, bytes.size(), 1000).state, LZ4_DONE);
  }
}

// The same with the check for blank: words, and what is left of them.
TEST(Blank, EveryByteCounts) {
  for (std::uint32_t size = 0; size < 40; ++size) {
    for (std::uint32_t offset = 0; offset < 4; ++offset) {
      Bytes bytes(offset + size, 0xff);
      EXPECT_TRUE(is_blank(bytes.data() + offset, size));
      for (std::uint32_t at = 0; at < size; ++at) {
        bytes[offset + at] = 0xfe;
        EXPECT_FALSE(is_blank(bytes.data() + offset, size)) << size << " " << at;
        bytes[offset + at] = 0xff;
      }
    }
  }
}

TEST(Blank, WhatLiesBesideDoesNot) {
  const Bytes bytes = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
  EXPECT_TRUE(is_blank(bytes.data() + 1, 5));
  EXPECT_FALSE(is_blank(bytes.data(), 6));
  EXPECT_FALSE(is_blank(bytes.data() + 1, 6));
}

}  // namespace
}  // namespace gangd::model
