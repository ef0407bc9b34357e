/* CRC-32C (Castagnoli), as iSCSI and SCTP have it: what guards a frame on its way. */
#ifndef GANGD_TARGET_FW_CORE_CRC32C_H
#define GANGD_TARGET_FW_CORE_CRC32C_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of `size` bytes, going on from `crc`: 0 for the first. */
uint32_t crc32c_update(uint32_t crc, const uint8_t* bytes, uint32_t size);

#ifdef __cplusplus
}
#endif

#endif
