#include "target_fw/core/flash_trace.h"

#include <stddef.h>
#include <string.h>

/* What a host reads by its offsets. */
_Static_assert(offsetof(struct flash_trace, erase_sizes) == 32, "layout");
_Static_assert(offsetof(struct flash_trace, programs) == 48, "layout");
_Static_assert(offsetof(struct flash_trace, erases) == 176, "layout");
_Static_assert(offsetof(struct flash_trace, erase_ms) == 688, "layout");
_Static_assert(offsetof(struct flash_trace, program_ms) == 1712, "layout");
_Static_assert(sizeof(struct flash_trace) == 2736, "layout");

void flash_trace_init(struct flash_trace* trace, uint32_t size, uint32_t page_size,
                      const uint32_t erase_sizes[FLASH_TRACE_ERASE_SIZES_MAX]) {
  memset(trace, 0, sizeof(*trace));
  trace->version = FLASH_TRACE_VERSION;
  trace->size = sizeof(*trace);
  trace->page_size = page_size;
  trace->block_size = FLASH_TRACE_BLOCK_SIZE_MIN;
  for (uint32_t i = 0; i < FLASH_TRACE_ERASE_SIZES_MAX; i++) {
    trace->erase_sizes[i] = erase_sizes[i];
    if (erase_sizes[i] > trace->block_size) trace->block_size = erase_sizes[i];
  }
  while (size / trace->block_size > FLASH_TRACE_BLOCKS_MAX) trace->block_size *= 2;
  trace->block_count = size / trace->block_size;
}

void flash_trace_clear(struct flash_trace* trace) {
  trace->erase_all_count = 0;
  trace->erase_all_ms = 0;
  trace->erase_rest_us = 0;
  trace->program_rest_us = 0;
  memset(trace->programs, 0, sizeof(trace->programs));
  memset(trace->erases, 0, sizeof(trace->erases));
  memset(trace->erase_ms, 0, sizeof(trace->erase_ms));
  memset(trace->program_ms, 0, sizeof(trace->program_ms));
}

static void count(uint32_t* buckets, uint64_t us) {
  uint32_t bucket = 0;
  while (bucket < FLASH_TRACE_BUCKETS - 1 && us >> (bucket + 1) != 0) bucket++;
  if (buckets[bucket] != UINT32_MAX) buckets[bucket]++;
}

/* What does not make a whole millisecond is kept for the next: a page takes a fraction of one. */
static void add(uint16_t* sum_ms, uint16_t* rest_us, uint64_t us) {
  const uint64_t all_us = us + *rest_us;
  const uint64_t all_ms = all_us / 1000 + *sum_ms;
  *rest_us = (uint16_t)(all_us % 1000);
  *sum_ms = all_ms > UINT16_MAX ? UINT16_MAX : (uint16_t)all_ms;
}

void flash_trace_program(struct flash_trace* trace, uint32_t at, uint64_t us) {
  const uint32_t block = at / trace->block_size;
  count(trace->programs, us);
  if (block < trace->block_count) add(&trace->program_ms[block], &trace->program_rest_us, us);
}

void flash_trace_erase(struct flash_trace* trace, uint32_t at, uint32_t size, uint64_t us) {
  const uint32_t block = at / trace->block_size;
  for (uint32_t i = 0; i < FLASH_TRACE_ERASE_SIZES_MAX; i++) {
    if (trace->erase_sizes[i] == size) count(trace->erases[i], us);
  }
  if (block < trace->block_count) add(&trace->erase_ms[block], &trace->erase_rest_us, us);
}

void flash_trace_erase_all(struct flash_trace* trace, uint64_t us) {
  const uint64_t all_ms = trace->erase_all_ms + us / 1000;
  trace->erase_all_count++;
  trace->erase_all_ms = all_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)all_ms;
}
