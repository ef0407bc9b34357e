/* What the host has asked the memories to do, one job at a time: accepted, begun, waited for.
 *
 * A flash chip cannot be told to stop. A job that is dropped while it runs goes on in the chip, and
 * the next one waits until the chip is free; the job that runs has one of two block buffers, so the
 * other can be filled meanwhile. */
#ifndef GANGD_TARGET_FW_CORE_FLASH_JOB_H
#define GANGD_TARGET_FW_CORE_FLASH_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/memory.h"
#include "target_fw/port.h"

#define FLASH_BLOCK_MAX 4096

enum flash_action {
  FLASH_SET_POINTER, /* to `address` */
  FLASH_ERASE,       /* the block that holds `address` */
  FLASH_ERASE_ALL,
  FLASH_WRITE,  /* `size` bytes of the free block to `address` */
  FLASH_REFUSE, /* fails with `refusal`: what was asked for does not exist here */
};

struct flash_order {
  enum flash_action action;
  uint8_t memory; /* index */
  uint32_t address;
  uint32_t size;
  enum dfu_status refusal;
};

enum flash_phase {
  FLASH_NONE,
  FLASH_ACCEPTED, /* until flash_job_start() */
  FLASH_WAITING,  /* for the chip to finish a job that was dropped, or what comes before it */
  FLASH_RUNNING,
  FLASH_DONE, /* `result` says how; until it is dropped or another is accepted */
};

/* What lets firmware start: a header that vouches for the bytes of an image. It is erased before
 * any of these are: what a loss of power leaves of them may read as they were, and not hold. */
struct flash_voucher {
  void* self;
  /* Whether there is one for any byte of [address, address + size) now, and where. */
  bool (*find)(void* self, uint32_t address, uint32_t size, uint32_t* voucher);
};

enum flash_voucher_state { VOUCHER_STAYS, VOUCHER_GOES, VOUCHER_HAS_GONE };

struct flash_job {
  const struct clock_port* clock;
  const struct memory* memories;
  uint8_t memories_count;
  const struct flash_voucher* voucher;
  enum flash_phase phase;
  struct flash_order order;
  enum dfu_status result;
  uint32_t pointer;

  uint32_t stale; /* core/stale.h */
  bool chip_lent; /* somebody else works on a memory: wait */
  bool chip_busy; /* with `order` if it runs, else with one that was dropped, or the voucher's */
  enum flash_voucher_state voucher_state; /* of this job */
  uint8_t busy_memory;
  uint32_t began_us;
  uint32_t expected_ms;
  uint32_t poll_in_us;
  uint32_t polled_us;

  uint8_t free_block; /* index of the buffer that no running write has */
  uint8_t blocks[2][FLASH_BLOCK_MAX];
};

/* `voucher`: NULL if nothing vouches for what is written. */
void flash_job_init(struct flash_job* job, const struct clock_port* clock,
                    const struct memory* memories, uint8_t memories_count,
                    const struct flash_voucher* voucher);

/* The buffer to receive into or read to. */
uint8_t* flash_job_block(struct flash_job* job);

/* The bytes of a FLASH_WRITE are in flash_job_block(). Replaces a job that has not begun. */
void flash_job_accept(struct flash_job* job, const struct flash_order* order);

/* Lets the next flash_job_poll() begin what was accepted. */
void flash_job_start(struct flash_job* job);

/* Nobody waits for it any more. What has not begun never will. */
void flash_job_drop(struct flash_job* job);

/* Goes on. Returns in how many microseconds it should be called again; UINT32_MAX: nothing runs. */
uint32_t flash_job_poll(struct flash_job* job);

/* Milliseconds until the job is probably done; 0 when it is, or takes no time. */
uint32_t flash_job_remaining_ms(const struct flash_job* job);

/* Milliseconds until the chip is probably free of what it does, dropped or not; 0 when it is. */
uint32_t flash_job_chip_ms(const struct flash_job* job);

#endif
