/* Some octal parts put the second byte of each pair first in DTR mode (SFDP: "swapped"). */
#ifndef GANGD_TARGET_FW_CORE_SWAP_PAIRS_H
#define GANGD_TARGET_FW_CORE_SWAP_PAIRS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Copies an even number of bytes, the two of each pair exchanged. `to` may be `from`. */
void swap_pairs(uint8_t* to, const uint8_t* from, uint32_t size);

#ifdef __cplusplus
}
#endif

#endif
