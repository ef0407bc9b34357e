/* Which memories are to be restarted before a host reads them back: what it verifies is what the
 * cells hold, not what a buffer does, nor what comes out of a chip in a wrong mode. */
#ifndef GANGD_TARGET_FW_CORE_STALE_H
#define GANGD_TARGET_FW_CORE_STALE_H

#include <stdint.h>

#include "target_fw/core/memory.h"

/* Bit n of the mask: memory n. After a write or an erase, and where somebody else may have been at
 * work, all are. */
#define STALE_ALL UINT32_MAX

/* Restarts memory n, once. */
enum dfu_status stale_restart(uint32_t* stale, const struct memory* memories, uint32_t n);

#endif
