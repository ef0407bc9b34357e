#include "base/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#include <array>
#include <cstddef>
#include <cstring>

namespace gangd {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // bit-reversed

// For CPUs without an instruction for it. Eight tables let one step take eight bytes (M. Kounavis
// and F. Berry, 2005): some 2 GB/s.
constexpr auto kTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t t = 1; t < 8; ++t) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[t - 1][byte];
      tables[t][byte] = crc >> 8 ^ tables[0][crc & 255];
    }
  }
  return tables;
}();

std::uint32_t load_u32_le(const std::uint8_t* p) {
  return std::uint32_t{p[0]} | std::uint32_t{p[1]} << 8 | std::uint32_t{p[2]} << 16 |
         std::uint32_t{p[3]} << 24;
}

// Takes and gives the state, which is the inverse of the CRC.
std::uint32_t by_tables(std::uint32_t crc, ByteView bytes) {
  while (bytes.size() >= 8) {
    const std::uint32_t low = crc ^ load_u32_le(bytes.data());
    const std::uint32_t high = load_u32_le(bytes.data() + 4);
    crc = kTables[7][low & 255] ^ kTables[6][low >> 8 & 255] ^ kTables[5][low >> 16 & 255] ^
          kTables[4][low >> 24] ^ kTables[3][high & 255] ^ kTables[2][high >> 8 & 255] ^
          kTables[1][high >> 16 & 255] ^ kTables[0][high >> 24];
    bytes = bytes.subspan(8);
  }
  for (std::uint8_t byte : bytes) crc = crc >> 8 ^ kTables[0][(crc ^ byte) & 255];
  return crc;
}

// What zeros make of a state is a linear map: what they make of each of its bits.
using Map = std::array<std::uint32_t, 32>;

constexpr std::uint32_t apply(const Map& map, std::uint32_t state) {
  std::uint32_t sum = 0;
  // Without branches, so that the compiler takes several bits at once.
  for (std::uint32_t bit = 0; bit < 32; ++bit) sum ^= map[bit] & (0 - (state >> bit & 1));
  return sum;
}

constexpr Map twice(const Map& map) {
  Map done{};
  for (std::size_t bit = 0; bit < 32; ++bit) done[bit] = apply(map, map[bit]);
  return done;
}

// Entry n is of 2^n bits of zero.
constexpr auto kZeros = [] {
  std::array<Map, 67> maps{};
  maps[0][0] = kPolynomial;
  for (std::size_t bit = 1; bit < 32; ++bit) maps[0][bit] = std::uint32_t{1} << (bit - 1);
  for (std::size_t n = 1; n < maps.size(); ++n) maps[n] = twice(maps[n - 1]);
  return maps;
}();

#if defined(__x86_64__)

// The instruction takes three cycles and can begin in each: three lanes keep it busy. Some 20 GB/s.
constexpr std::size_t kLaneBits = 13;
constexpr std::size_t kLane = (std::size_t{1} << kLaneBits) / 8;  // bytes

// What a lane of zeros makes of a state, by the bytes of the state.
constexpr auto kBehindALane = [] {
  std::array<std::array<std::uint32_t, 256>, 4> tables{};
  for (std::size_t at = 0; at < 4; ++at) {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      tables[at][byte] = apply(kZeros[kLaneBits], byte << 8 * at);
    }
  }
  return tables;
}();

std::uint32_t behind_a_lane(std::uint32_t state) {
  return kBehindALane[0][state & 255] ^ kBehindALane[1][state >> 8 & 255] ^
         kBehindALane[2][state >> 16 & 255] ^ kBehindALane[3][state >> 24];
}

std::uint64_t load_u64(const std::uint8_t* p) {
  std::uint64_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::uint32_t crc, ByteView bytes) {
  while (bytes.size() >= 3 * kLane) {
    std::uint64_t first = crc, second = 0, third = 0;
    for (const std::uint8_t *p = bytes.data(), *end = p + kLane; p != end; p += 8) {
      first = _mm_crc32_u64(first, load_u64(p));
      second = _mm_crc32_u64(second, load_u64(p + kLane));
      third = _mm_crc32_u64(third, load_u64(p + 2 * kLane));
    }
    crc = behind_a_lane(static_cast<std::uint32_t>(first)) ^ static_cast<std::uint32_t>(second);
    crc = behind_a_lane(crc) ^ static_cast<std::uint32_t>(third);
    bytes = bytes.subspan(3 * kLane);
  }
  std::uint64_t state = crc;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    state = _mm_crc32_u64(state, load_u64(bytes.data()));
  }
  crc = static_cast<std::uint32_t>(state);
  for (std::uint8_t byte : bytes) crc = _mm_crc32_u8(crc, byte);
  return crc;
}

bool has_instruction() {
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  return has;
}

#else

bool has_instruction() {
  return false;
}
std::uint32_t by_instruction(std::uint32_t crc, ByteView bytes) {
  return by_tables(crc, bytes);
}

#endif

}  // namespace

std::uint32_t crc32c(ByteView bytes, std::uint32_t before) {
  return ~(has_instruction() ? by_instruction(~before, bytes) : by_tables(~before, bytes));
}

// The inversions at both ends cancel out.
std::uint32_t crc32c_joined(std::uint32_t first, std::uint32_t second, std::size_t second_size) {
  for (std::size_t n = 3; second_size != 0; ++n, second_size >>= 1) {
    if ((second_size & 1) != 0) first = apply(kZeros[n], first);
  }
  return first ^ second;
}

std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t before) {
  return ~by_tables(~before, bytes);
}

}  // namespace gangd
