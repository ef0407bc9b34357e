#include "target_fw/core/sha256.h"

#include <string.h>

static void store_be32(uint8_t* bytes, uint32_t value) {
  for (int i = 0; i < 4; ++i) bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

void sha256_begin(struct sha256* hash) {
  /* 5.3.3: of the square roots of the first 8 primes. */
  static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash->state, start, sizeof start);
  hash->size = 0;
}

/* Whole blocks are hashed where they lie. */
void sha256_update(struct sha256* hash, const uint8_t* bytes, uint32_t size) {
  uint32_t at = (uint32_t)(hash->size % sizeof hash->block);
  hash->size += size;
  if (at > 0) {
    uint32_t room = (uint32_t)sizeof hash->block - at;
    uint32_t part = room < size ? room : size;
    memcpy(hash->block + at, bytes, part);
    if (part < room) return;
    sha256_blocks(hash->state, hash->block, 1);
    bytes += part;
    size -= part;
  }
  uint32_t blocks = size / (uint32_t)sizeof hash->block;
  if (blocks > 0) sha256_blocks(hash->state, bytes, blocks);
  uint32_t rest = size % (uint32_t)sizeof hash->block;
  if (rest > 0) memcpy(hash->block, bytes + (size - rest), rest);
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
