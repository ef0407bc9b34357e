#include "target_fw/core/stale.h"

enum dfu_status stale_restart(uint32_t* stale, const struct memory* memories, uint32_t n) {
  const uint32_t bit = 1u << n;
  if ((*stale & bit) == 0) return DFU_OK;
  enum dfu_status status = memories[n].restart(memories[n].self);
  if (status == DFU_OK) *stale &= ~bit;
  return status;
}
