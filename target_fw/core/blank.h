/* Whether bytes are what an erased flash holds. */
#ifndef GANGD_TARGET_FW_CORE_BLANK_H
#define GANGD_TARGET_FW_CORE_BLANK_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

bool is_blank(const uint8_t* bytes, uint32_t size);

#ifdef __cplusplus
}
#endif

#endif
