/* How long a flash takes for what it is told to do: where it gets slow, and by how much. Times are
 * those that the driver sees. It looks when a step has taken 15/16 of the present average, and then
 * each 1/128 of it: a step that is slower than those before shows by that much too long, one that
 * is faster shows as 15/16 of the average. What failed is not in it. */
#ifndef GANGD_TARGET_FW_CORE_FLASH_TRACE_H
#define GANGD_TARGET_FW_CORE_FLASH_TRACE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLASH_TRACE_VERSION 1
/* Sums are for 64 KiB each, or more: for as much as the largest block that can be erased, and
 * doubled until this many suffice. */
#define FLASH_TRACE_BLOCKS_MAX 512
#define FLASH_TRACE_BLOCK_SIZE_MIN 0x10000u
#define FLASH_TRACE_ERASE_SIZES_MAX 4
/* Counter i is of what took from 2^i to 2^(i+1) - 1 microseconds; the first one also has 0. */
#define FLASH_TRACE_BUCKETS 32

/* Little-endian and without gaps, so that its bytes can be sent as they are, in pieces; offsets
 * stand on the right. Counters and sums stay at their largest value. */
struct flash_trace {
  uint32_t version;         /*    0: FLASH_TRACE_VERSION */
  uint32_t size;            /*    4: bytes of all this */
  uint32_t block_size;      /*    8: bytes of memory that one sum is for */
  uint32_t block_count;     /*   12: how many sums are used */
  uint32_t page_size;       /*   16: bytes that one program writes at most */
  uint32_t erase_all_count; /*   20 */
  uint32_t erase_all_ms;    /*   24: of all of those together */
  uint16_t erase_rest_us;   /*   28: less than a millisecond that is in no sum yet */
  uint16_t program_rest_us; /*   30 */
  uint32_t erase_sizes[FLASH_TRACE_ERASE_SIZES_MAX]; /*   32: bytes, rising; 0: there is none */
  uint32_t programs[FLASH_TRACE_BUCKETS];            /*   48: programs of up to one page */
  uint32_t erases[FLASH_TRACE_ERASE_SIZES_MAX]
                 [FLASH_TRACE_BUCKETS];        /*  176: by size, erases of everything left out */
  uint16_t erase_ms[FLASH_TRACE_BLOCKS_MAX];   /*  688: by block, milliseconds of erasing in it */
  uint16_t program_ms[FLASH_TRACE_BLOCKS_MAX]; /* 1712: by block, milliseconds of programming */
}; /* 2736 */

/* For a memory of `size` bytes. */
void flash_trace_init(struct flash_trace* trace, uint32_t size, uint32_t page_size,
                      const uint32_t erase_sizes[FLASH_TRACE_ERASE_SIZES_MAX]);
/* Forgets all times. */
void flash_trace_clear(struct flash_trace* trace);

/* A step has ended well; `at` is in the memory. */
void flash_trace_program(struct flash_trace* trace, uint32_t at, uint64_t us);
void flash_trace_erase(struct flash_trace* trace, uint32_t at, uint32_t size, uint64_t us);
void flash_trace_erase_all(struct flash_trace* trace, uint64_t us);

#ifdef __cplusplus
}
#endif

#endif
