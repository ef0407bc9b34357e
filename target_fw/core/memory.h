/* A memory that can be programmed: what stands behind one alternate setting. Implemented by the
 * serial-NOR driver (core/nor.h) and by each chip's internal flash.
 *
 * An operation is begun and then polled; nothing blocks. One at a time on a memory. */
#ifndef GANGD_TARGET_FW_CORE_MEMORY_H
#define GANGD_TARGET_FW_CORE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/status.h"

enum memory_state {
  MEMORY_IDLE, /* the last operation has ended well, or there was none */
  MEMORY_BUSY,
  MEMORY_FAILED, /* the last operation has failed; the next begin clears it */
};

struct memory_progress {
  enum memory_state state;
  enum dfu_status status; /* when failed */
  uint32_t poll_in_us;    /* when busy: a poll before that is of no use */
};

#define MEMORY_PARTS_MAX 32

/* Where a memory lies and how it erases. Constant after init. */
struct memory_geometry {
  uint32_t address;    /* of the first byte, as the host sees it */
  uint32_t size;       /* bytes */
  uint32_t erase_size; /* bytes of the block that suits most erases; a power of two */
  uint32_t write_size; /* writes start and end at multiples of this; 1: anywhere */
  uint32_t erase_min;  /* bytes of the smallest block that can be erased; divides erase_size into at
                          most MEMORY_PARTS_MAX */
  uint32_t bank_size;  /* one part of this size is readable while another is worked on; `size`: it
                          has no such parts */
};

struct flash_trace;

struct memory {
  void* self;
  const char* name; /* for the layout string: letters, digits, spaces */
  struct memory_geometry geometry;
  bool readable; /* by a host: UPLOAD and READ; false also restricts what it may have measured */
  bool erasable;
  bool writable;
  /* What the chip calls itself (JEDEC), for a chip of its own; NULL: part of the controller, or not
   * known. Stays as it is. */
  const uint8_t* jedec_id;
  uint8_t jedec_id_size;

  /* Addresses are those of the host. The core has checked that [address, address + size) lies in
   * the memory, is allowed by the three flags, and is aligned to write_size. */

  /* Begins to erase the largest block that begins at `address` and has at most `size` bytes, and
   * returns how many it has. Both are multiples of erase_min. */
  uint32_t (*erase)(void* self, uint32_t address, uint32_t size);
  /* Begins to erase everything. */
  void (*erase_all)(void* self);
  /* Begins to write, where it is erased or holds these very bytes: a host repeats what it had no
   * answer for. The bytes stay as they are until the operation has ended. */
  void (*write)(void* self, uint32_t address, const uint8_t* bytes, uint32_t size);
  /* Goes on with the operation, and says how it stands. */
  struct memory_progress (*poll)(void* self);
  /* Reads at the speed of the bus; at most 4096 bytes. While an operation runs, only from another
   * bank than the one that it works on, or DFU_ERR_ADDRESS. DFU_ERR_VERIFY: cells there hold
   * nothing that can be read (a checksum is wrong, as after a cut), until they are erased. */
  enum dfu_status (*read)(void* self, uint32_t address, uint8_t* bytes, uint32_t size);
  /* The same in two halves, so that the caller can do something else meanwhile: the bytes are there
   * when end_read() says so. Whatever else is asked of the memory in between waits for them. */
  void (*begin_read)(void* self, uint32_t address, uint8_t* bytes, uint32_t size);
  enum dfu_status (*end_read)(void* self);
  /* The chip forgets all that is not in its cells, and is found again: what is read then was
   * written. Not while an operation runs; blocks for at most 0.5 s. */
  enum dfu_status (*restart)(void* self);
  /* Milliseconds that an erase of `size` bytes, of everything, or a write of `size` bytes takes as
   * long as nothing is wrong: what the host is told to wait. */
  uint32_t (*erase_ms)(void* self, uint32_t size);
  uint32_t (*erase_all_ms)(void* self);
  uint32_t (*write_ms)(void* self, uint32_t size);
  /* How long operations took since the start or since clear_trace(): core/flash_trace.h. NULL,
   * both: nothing is kept. */
  const struct flash_trace* trace;
  void (*clear_trace)(void* self);
  /* The same cells as a program that runs in place reads them: with its clock, in its mode. NULL:
   * none does, or that cannot be had. */
  const struct memory* as_booted;
};

#endif
