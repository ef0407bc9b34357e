/* SHA-512 (FIPS 180-4), for Ed25519: small, not fast. */
#ifndef GANGD_TARGET_FW_BOOT_SHA512_H
#define GANGD_TARGET_FW_BOOT_SHA512_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHA512_SIZE 64

struct sha512 {
  uint64_t state[8];
  uint64_t size; /* bytes so far */
  uint8_t block[128];
};

void sha512_begin(struct sha512* hash);
void sha512_update(struct sha512* hash, const uint8_t* bytes, uint32_t size);
void sha512_end(struct sha512* hash, uint8_t digest[SHA512_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
