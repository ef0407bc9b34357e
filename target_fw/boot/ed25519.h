/* Ed25519 (RFC 8032, 5.1): whether who has the secret key has signed a message. Only that: nothing
 * here is secret, so nothing takes care to take the same time. 5 million instructions of a
 * Cortex-M7, some 10 ms at 600 MHz; less than 2 KB of stack. */
#ifndef GANGD_TARGET_FW_BOOT_ED25519_H
#define GANGD_TARGET_FW_BOOT_ED25519_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ED25519_KEY_SIZE 32
#define ED25519_SIGNATURE_SIZE 64

/* Without the cofactor, as RFC 8032 allows and most do: a signature that passes here passes
 * everywhere. An encoding that is not the only one of its number is refused. */
bool ed25519_verify(const uint8_t signature[ED25519_SIGNATURE_SIZE],
                    const uint8_t key[ED25519_KEY_SIZE], const uint8_t* message, uint32_t size);

#ifdef __cplusplus
}
#endif

#endif
