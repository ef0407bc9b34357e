#include "target_fw/core/sha256.h"

#include <string.h>

/* FIPS 180-4, 4.2.2: of the cube roots of the first 64 primes. */
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

static uint32_t rotate(uint32_t value, int by) {
  return value >> by | value << (32 - by);
}

static uint32_t load_be32(const uint8_t* bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store_be32(uint8_t* bytes, uint32_t value) {
  for (int i = 0; i < 4; ++i) bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* 6.2.2. The schedule keeps its last 16 words. */
static void take_block(struct sha256* hash, const uint8_t* bytes) {
  uint32_t w[16];
  uint32_t s[8];
  memcpy(s, hash->state, sizeof s);
  for (int i = 0; i < 64; ++i) {
    if (i < 16) {
      w[i] = load_be32(bytes + 4 * i);
    } else {
      uint32_t w15 = w[(i - 15) & 15];
      uint32_t w2 = w[(i - 2) & 15];
      w[i & 15] += w[(i - 7) & 15] + (rotate(w15, 7) ^ rotate(w15, 18) ^ w15 >> 3) +
                   (rotate(w2, 17) ^ rotate(w2, 19) ^ w2 >> 10);
    }
    uint32_t t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
                  ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i & 15];
    uint32_t t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
                  ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof s[0]);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; ++i) hash->state[i] += s[i];
}

void sha256_begin(struct sha256* hash) {
  /* 5.3.3: of the square roots of the first 8 primes. */
  static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash->state, start, sizeof start);
  hash->size = 0;
}

void sha256_update(struct sha256* hash, const uint8_t* bytes, uint32_t size) {
  while (size > 0) {
    uint32_t at = (uint32_t)(hash->size % 64);
    uint32_t part = 64 - at < size ? 64 - at : size;
    memcpy(hash->block + at, bytes, part);
    hash->size += part;
    bytes += part;
    size -= part;
    if (at + part == 64) take_block(hash, hash->block);
  }
}

void sha256_end(struct sha256* hash, uint8_t digest[SHA256_SIZE]) {
  static const uint8_t padding[64] = {0x80};
  uint64_t bits = hash->size * 8;
  uint32_t at = (uint32_t)(hash->size % 64);
  sha256_update(hash, padding, at < 56 ? 56 - at : 120 - at);
  uint8_t length[8];
  store_be32(length, (uint32_t)(bits >> 32));
  store_be32(length + 4, (uint32_t)bits);
  sha256_update(hash, length, 8);
  for (int i = 0; i < 8; ++i) store_be32(digest + 4 * i, hash->state[i]);
}
