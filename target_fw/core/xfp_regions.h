/* What XFP tells of the device: its memories and its limits. */
#ifndef GANGD_TARGET_FW_CORE_XFP_REGIONS_H
#define GANGD_TARGET_FW_CORE_XFP_REGIONS_H

#include <stdint.h>

#include "target_fw/core/device_identity.h"
#include "target_fw/core/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

struct xfp_regions {
  const struct memory* memories;
  uint8_t memories_count;
  const struct device_identity* identity;
};

/* The memory that holds all of [address, address + size), which is not empty; or NULL. */
const struct memory* xfp_memory_of(const struct xfp_regions* regions, uint32_t address,
                                   uint32_t size);

/* The answer to HELLO. Returns its size. */
uint32_t xfp_put_capabilities(const struct xfp_regions* regions, uint8_t* bytes);

#ifdef __cplusplus
}
#endif

#endif
