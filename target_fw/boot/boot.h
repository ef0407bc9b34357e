/* Whether the firmware on a board may be started, and how: the resident loader asks this before
 * anything else, and when a host tells it to leave.
 *
 * An image lies in flash as its maker linked it. What it is, where it runs and who vouches for it
 * is said by a header of 256 bytes in an erase block of its own, written last (boot_header.h,
 * HEADER.md). Anything that is not as it should be leaves the board in DFU.
 *
 * Nothing is allocated, all buffers have constant sizes, and boot_decide() needs at most 3 KB of
 * stack. It blocks, for as long as hashing the image takes. */
#ifndef GANGD_TARGET_FW_BOOT_BOOT_H
#define GANGD_TARGET_FW_BOOT_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/boot/boot_header.h"
#include "target_fw/boot/ed25519.h"
#include "target_fw/core/sha256.h"
#include "target_fw/core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- what a board says of itself */

/* What may be in a range of addresses. */
enum boot_use {
  BOOT_HOLDS_IMAGES = 1,  /* in flash, to be copied or run in place */
  BOOT_RUNS_IN_PLACE = 2, /* the CPU can fetch from there as soon as the loader is done */
  BOOT_TAKES_COPIES = 4,  /* RAM to run an image from; the loader has nothing of its own there */
  BOOT_TAKES_STACKS = 8,  /* RAM for the image's first stack pointer, which may be its end */
};

struct boot_range {
  uint32_t address;
  uint32_t size;
  uint8_t uses; /* enum boot_use, or-ed */
};

/* Constant; outlives its use. */
struct boot_rules {
  const char* board;       /* at most 16 ASCII characters; images of other boards are refused */
  uint32_t header_address; /* in an erase block that holds nothing else */
  const struct boot_range* ranges;
  uint8_t ranges_count;
  /* One of these keys must have signed the header. None: a development build, which asks for no
   * signature. */
  const uint8_t (*keys)[ED25519_KEY_SIZE];
  uint8_t keys_count;
  /* Where the anti-rollback counter lies (boot_counter.h): erased once at production and then never
   * again, and offered to no host. `counter_size` 0: there is none. */
  uint32_t counter_address;
  uint32_t counter_size;
  /* After so many resets in a row by a fault (watchdog, lock-up), or by the application itself, the
   * board stays in DFU. 0: those resets are not counted. BOOT_FAULTS_MAX and BOOT_RESTARTS_MAX suit
   * applications that know nothing of the marker. */
  uint8_t faults_max;
  uint8_t restarts_max;
};

#define BOOT_FAULTS_MAX 3
#define BOOT_RESTARTS_MAX 16

/* --- what a chip provides */

struct boot_port {
  void* self;
  /* Reads flash, in pieces of at most BOOT_PIECE_MAX bytes. False: the bytes cannot be read (no
   * answer, or a checksum of the flash that is wrong; a bus fault is survived). */
  bool (*read)(void* self, uint32_t address, uint8_t* bytes, uint32_t size);
  /* SHA-256 of a range that `read` can read, or that ram() gives. NULL: in software. False: as for
   * read. */
  bool (*sha256)(void* self, uint32_t address, uint32_t size, uint8_t digest[SHA256_SIZE]);
  /* Where the loader reaches RAM that the image sees at `address`, which may be 0. */
  uint8_t* (*ram)(void* self, uint32_t address, uint32_t size);
  /* Programs BOOT_WORD_SIZE bytes of internal flash, at such a multiple, once after an erase, and
   * waits until they are there. NULL where there is no counter. */
  bool (*program)(void* self, uint32_t address, const uint8_t* bytes);
  /* A word that a reset does not change, and a loss of power makes anything: backup RAM or a backup
   * register that an application can write as well. store_marker() returns when a reset at once
   * would find it. */
  uint32_t (*load_marker)(void* self);
  void (*store_marker)(void* self, uint32_t marker);
};

#define BOOT_PIECE_MAX 512
#define BOOT_WORD_SIZE 16

/* --- the decision */

/* Why the CPU has started. The reset flags of a chip are cumulative: the loader clears them. Of
 * several the first of this list that applies. */
enum boot_cause {
  BOOT_BY_POWER,   /* power-on, brown-out */
  BOOT_BY_PIN,     /* somebody pressed the button */
  BOOT_BY_FAULT,   /* a watchdog, a lock-up, a fault handler of the loader */
  BOOT_BY_RESTART, /* software asked for it */
};

enum boot_verdict {
  BOOT_GOES,
  BOOT_STAYS,            /* it was asked to: pin, flag, detach */
  BOOT_FAULTS_TOO_OFTEN, /* the image, or the look at it, ended in too many resets */
  BOOT_NO_HEADER,        /* blank */
  BOOT_HEADER_UNREADABLE,
  BOOT_HEADER_DAMAGED,
  BOOT_HEADER_UNKNOWN, /* of a format or with a flag that this loader does not know */
  BOOT_OTHER_BOARD,
  BOOT_OUTSIDE, /* where no image may lie, run or be copied to */
  BOOT_IMAGE_UNREADABLE,
  BOOT_OTHER_IMAGE, /* its SHA-256 is not that of the header */
  BOOT_BAD_VECTORS,
  BOOT_NOT_SIGNED,       /* by none of the keys */
  BOOT_TOO_OLD,          /* the counter is beyond its security version */
  BOOT_COUNTER_UNUSABLE, /* full, or not to be written */
};

/* What to do when the verdict is BOOT_GOES: MSP = stack, VTOR = vectors, branch to entry. An image
 * to be copied has been copied; it is for the caller to clean and invalidate caches. */
struct boot_image {
  struct boot_header header;
  uint32_t vectors; /* address of the table when it runs */
  uint32_t stack;
  uint32_t entry; /* with the Thumb bit */
};

/* At the start. `stays`: pin, flag or detach ask for DFU. Anything but BOOT_GOES: stay in DFU. */
enum boot_verdict boot_decide(const struct boot_rules* rules, const struct boot_port* port,
                              enum boot_cause cause, bool stays, struct boot_image* image);

/* What the host has written is judged: for dfu_leave.check. Changes nothing, but for the RAM that
 * an image is copied to. */
enum boot_verdict boot_check(const struct boot_rules* rules, const struct boot_port* port,
                             struct boot_image* image);

/* Whether the header is whole, and of an image that has bytes in [address, address + size): it must
 * go before they do. */
bool boot_vouches(const struct boot_rules* rules, const struct boot_port* port, uint32_t address,
                  uint32_t size);

/* The host has written something new, or wants it started: earlier faults count no more. */
void boot_forget_faults(const struct boot_port* port);

/* What the host is told of a refusal. */
enum dfu_status boot_dfu_status(enum boot_verdict verdict);

/* In a few words of ASCII, for a log or a string descriptor. */
const char* boot_verdict_text(enum boot_verdict verdict);

/* --- the marker, for applications
 *
 * An application that has come up well stores 0; from then on its resets are counted from nothing.
 * One that knows nothing of it is only limited in how often in a row it may reset. */
enum {
  BOOT_MARKER_MAGIC = 0xb0070000, /* upper 16 bits; with others the word means 0 faults */
  BOOT_MARKER_RUNS = 0x8000,      /* an image was being looked at or started */
  BOOT_MARKER_FAULTS_AT = 8,      /* 7 bits */
  BOOT_MARKER_RESTARTS_AT = 0,    /* 8 bits */
};

#ifdef __cplusplus
}
#endif

#endif
