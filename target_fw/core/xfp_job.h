/* What takes a device longer than an answer: erasing, hashing, digests. One at a time, in steps;
 * the host asks how far it is. */
#ifndef GANGD_TARGET_FW_CORE_XFP_JOB_H
#define GANGD_TARGET_FW_CORE_XFP_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/memory.h"
#include "target_fw/core/read_ahead.h"
#include "target_fw/core/sha256.h"
#include "target_fw/port.h"
#include "target_fw/xfp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an answer of the chip is good for: it is not asked again before it says so. */
struct chip_wait {
  const struct clock_port* clock;
  uint32_t from_us;
  uint32_t wait_us;
};

/* How the operation of the chip stands, without disturbing one that is known to be busy. */
struct memory_progress chip_ask(struct chip_wait* wait, const struct memory* memory);
uint32_t chip_wait_left_us(const struct chip_wait* wait);

struct xfp_job {
  enum xfp_job_state state;
  enum xfp_op op;
  enum dfu_status status;
  const struct memory* memory;
  uint32_t address; /* of what comes next */
  uint32_t begin;   /* of the whole range */
  uint32_t total;   /* bytes, whole blocks for an erase */
  uint32_t done;
  uint32_t skipped;
  bool begun;            /* the chip was free for it */
  bool all;              /* an erase of what reads as blank, too */
  bool counting;         /* looks first how much is to be erased, for all at once may be faster */
  bool erasing;          /* the chip erases */
  bool at_once;          /* all of the memory */
  uint32_t erased;       /* else: bytes that this erase is of */
  uint32_t block;        /* bytes of the block at `address` */
  uint32_t looked;       /* so many of them */
  uint32_t dirty;        /* bit n: the n-th smallest part of it is not blank */
  bool planned;          /* `dirty` is what is to be erased */
  uint32_t dirty_blocks; /* counted */
  struct sha256 hash;
  uint8_t digest[SHA256_SIZE];
  uint8_t nonce[XFP_NONCE_SIZE];
  struct read_ahead ahead;
  uint32_t digests[XFP_DIGESTS_MAX];
};

/* Takes on what the header asks for, in this memory: [address, address + span) lies in it. The chip
 * is not touched before the first step. An error: there is no such job. */
enum dfu_status xfp_job_begin(struct xfp_job* job, const uint8_t* header,
                              const struct memory* memory);
/* Goes on with one that runs; the chip does nothing else. Between steps the memory may have been
 * begun to be read. */
void xfp_job_step(struct xfp_job* job, struct chip_wait* wait);
/* Whether what a job that runs has still to do leaves these bytes of its memory to a WRITE: it
 * makes digests, and none of the banks that it still reads. */
bool xfp_job_leaves(const struct xfp_job* job, uint32_t address, uint32_t size);
/* Nobody waits for it any more; what the chip does goes on. */
void xfp_job_leave(struct xfp_job* job);
/* The answer to STATUS but for what a HASH adds of the device. So long the chip still does
 * something that was begun before, which a job waits for, and is told of where there is none.
 * Returns its size. */
uint32_t xfp_job_put(const struct xfp_job* job, const struct chip_wait* wait, uint32_t before_ms,
                     uint8_t* bytes);

#ifdef __cplusplus
}
#endif

#endif
