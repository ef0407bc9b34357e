/* SHA-256 (FIPS 180-4): what a memory holds, in 32 bytes. In software; a chip may do it faster. */
#ifndef GANGD_TARGET_FW_CORE_SHA256_H
#define GANGD_TARGET_FW_CORE_SHA256_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHA256_SIZE 32

struct sha256 {
  uint32_t state[8];
  uint64_t size; /* bytes so far */
  uint8_t block[64];
};

void sha256_begin(struct sha256* hash);
void sha256_update(struct sha256* hash, const uint8_t* bytes, uint32_t size);
void sha256_end(struct sha256* hash, uint8_t digest[SHA256_SIZE]);

/* Takes `count` blocks of 64 bytes into the state: all that costs time. A file of its own, so that
 * a chip's port may put another in its place. */
void sha256_blocks(uint32_t state[8], const uint8_t* bytes, uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
