/* SHA-256 in a tenth of the program of core/sha256_blocks.c, at some 20 cycles a byte: for loaders,
 * whose bus is no faster. */
#include <string.h>

#include "target_fw/core/sha256.h"

/* 4.2.2: of the cube roots of the first 64 primes. */
static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t value, int bits) {
  return value >> bits | value << (32 - bits);
}

static uint32_t next_word(const uint32_t w[16], uint32_t t) {
  const uint32_t w15 = w[(t + 1) % 16];
  const uint32_t w2 = w[(t + 14) % 16];
  const uint32_t s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ w15 >> 3;
  const uint32_t s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ w2 >> 10;
  return w[t % 16] + s0 + w[(t + 9) % 16] + s1;
}

static void take_block(uint32_t state[8], const uint8_t* bytes) {
  uint32_t w[16];
  uint32_t v[8]; /* a to h */
  memcpy(v, state, sizeof v);
  for (uint32_t t = 0; t < 64; ++t) {
    if (t < 16) {
      uint32_t word;
      memcpy(&word, bytes + 4 * t, 4);
      w[t] = __builtin_bswap32(word);
    } else {
      w[t % 16] = next_word(w, t);
    }
    const uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    const uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
    const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    const uint32_t t1 = v[7] + s1 + choice + k[t] + w[t % 16];
    for (uint32_t i = 7; i > 0; --i) v[i] = v[i - 1];
    v[4] += t1;
    v[0] = t1 + s0 + majority;
  }
  for (uint32_t i = 0; i < 8; ++i) state[i] += v[i];
}

void sha256_blocks(uint32_t state[8], const uint8_t* bytes, uint32_t count) {
  for (; count > 0; --count, bytes += 64) take_block(state, bytes);
}
