#include "target_fw/core/sha256.h"

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

static inline uint32_t rotate(uint32_t value, int by) {
  return value >> by | value << (32 - by);
}

static inline uint32_t load_be32(const uint8_t* bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A round of 6.2.2, with word i of the schedule. The variables take turns instead of moving. Three
 * rotations of a word are one of it with two others, which ARM's adders do for nothing. Of the
 * majority of a, b and c, `same` keeps b ^ c: it was a ^ b in the round before. */
#define ROUND(a, b, c, d, e, f, g, h, i)               \
  do {                                                 \
    h += k[round + (i)] + w[i];                        \
    h += rotate(e ^ rotate(e, 5) ^ rotate(e, 19), 6);  \
    h += ((f ^ g) & e) ^ g;                            \
    d += h;                                            \
    h += rotate(a ^ rotate(a, 11) ^ rotate(a, 20), 2); \
    uint32_t next = a ^ b;                             \
    h += (next & same) ^ b;                            \
    same = next;                                       \
  } while (0)

/* Word i of the schedule becomes the one that is 16 further. */
#define SCHEDULE(i)                                                             \
  do {                                                                          \
    uint32_t w15 = w[((i) + 1) & 15];                                           \
    uint32_t w2 = w[((i) + 14) & 15];                                           \
    w[i] += w[((i) + 9) & 15] + (rotate(w15 ^ rotate(w15, 11), 7) ^ w15 >> 3) + \
            (rotate(w2 ^ rotate(w2, 2), 17) ^ w2 >> 10);                        \
  } while (0)

#define LOAD(i) (w[i] = load_be32(bytes + 4 * (i)))

#define STEP(prepare, a, b, c, d, e, f, g, h, i) \
  prepare(i);                                    \
  ROUND(a, b, c, d, e, f, g, h, i)

#define EIGHT(prepare, i)                           \
  do {                                              \
    STEP(prepare, a, b, c, d, e, f, g, h, i);       \
    STEP(prepare, h, a, b, c, d, e, f, g, (i) + 1); \
    STEP(prepare, g, h, a, b, c, d, e, f, (i) + 2); \
    STEP(prepare, f, g, h, a, b, c, d, e, (i) + 3); \
    STEP(prepare, e, f, g, h, a, b, c, d, (i) + 4); \
    STEP(prepare, d, e, f, g, h, a, b, c, (i) + 5); \
    STEP(prepare, c, d, e, f, g, h, a, b, (i) + 6); \
    STEP(prepare, b, c, d, e, f, g, h, a, (i) + 7); \
  } while (0)

void sha256_blocks(uint32_t state[8], const uint8_t* bytes, uint32_t count) {
  uint32_t w[16];
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (; count > 0; --count, bytes += 64) {
    uint32_t same = b ^ c;
    int round = 0;
    EIGHT(LOAD, 0);
    EIGHT(LOAD, 8);
    for (round = 16; round < 64; round += 16) {
      EIGHT(SCHEDULE, 0);
      EIGHT(SCHEDULE, 8);
    }
    state[0] = a += state[0];
    state[1] = b += state[1];
    state[2] = c += state[2];
    state[3] = d += state[3];
    state[4] = e += state[4];
    state[5] = f += state[5];
    state[6] = g += state[6];
    state[7] = h += state[7];
  }
}
