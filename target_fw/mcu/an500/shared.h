/* What the machine shares with the host that plays its USB host: QEMU's mps2-an500, whose PSRAM of
 * 16 MiB is a file. Its first megabyte is this; the rest is most of the flash chip's cells. */
#ifndef GANGD_TARGET_FW_MCU_AN500_SHARED_H
#define GANGD_TARGET_FW_MCU_AN500_SHARED_H

#include <stdint.h>

#define SHARED_ADDRESS 0x60000000u
#define SHARED_SIZE 0x00100000u
#define SHARED_READY 0x474e4147u

/* One transfer waits at each place; several places an endpoint has are used in turn. */
#define SHARED_PLACES 4
#define SHARED_BYTES_MAX 66048u /* a frame of 64 KiB, with its header */

enum shared_endpoint { SHARED_CONTROL, SHARED_OUT, SHARED_IN, SHARED_ENDPOINTS };

enum shared_state {
  SHARED_FREE,   /* the host's */
  SHARED_GIVEN,  /* the machine's */
  SHARED_CANCEL, /* the machine's: the host wants it back */
  SHARED_DONE,   /* the host's again, with its outcome */
};

enum shared_outcome { SHARED_OK, SHARED_STALLED, SHARED_CANCELLED, SHARED_OVERFLOW, SHARED_AWAY };

struct shared_transfer {
  uint32_t state; /* written last, by whose it is */
  uint32_t outcome;
  uint32_t size;   /* of an OUT; of an IN: what there is room for */
  uint32_t actual; /* bytes that went over */
  uint8_t setup[8];
  uint8_t bytes[SHARED_BYTES_MAX];
};

struct shared {
  uint32_t ready;  /* SHARED_READY when the machine runs */
  uint32_t shown;  /* its pull-up */
  uint32_t resets; /* the host counts: a bus reset each */
  uint32_t resets_done;
  uint32_t leave;      /* the host wants the figures, and the end of the machine */
  uint32_t stack_used; /* of STACK_SIZE, at the deepest */
  uint32_t stack_size;
  uint32_t faults;                 /* an exception that nobody expects: its number */
  uint32_t complaints;             /* what a controller would not have forgiven the core */
  uint32_t ticks;                  /* SysTick exceptions */
  uint32_t next[SHARED_ENDPOINTS]; /* the place that is served next */
  struct shared_transfer transfers[SHARED_ENDPOINTS][SHARED_PLACES];
};

#endif
