/* The header of an image: 256 bytes in an erase block of their own. HEADER.md describes each byte,
 * make_header.py makes them. */
#ifndef GANGD_TARGET_FW_BOOT_BOOT_HEADER_H
#define GANGD_TARGET_FW_BOOT_BOOT_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/boot/ed25519.h"
#include "target_fw/core/sha256.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BOOT_HEADER_SIZE 256
#define BOOT_HEADER_MAGIC 0x48424447u /* "GDBH" */
#define BOOT_HEADER_FORMAT 1
#define BOOT_NAME_SIZE 16

/* Where its fields are. */
enum {
  BOOT_AT_MAGIC = 0,
  BOOT_AT_FORMAT = 4,
  BOOT_AT_SIZE = 6,
  BOOT_AT_FLAGS = 8,
  BOOT_AT_ADDRESS = 12,
  BOOT_AT_IMAGE_SIZE = 16,
  BOOT_AT_RUN_ADDRESS = 20,
  BOOT_AT_VECTORS = 24,
  BOOT_AT_SECURITY = 28,
  BOOT_AT_BOARD = 32,
  BOOT_AT_VERSION = 48,
  BOOT_AT_SHA256 = 64,
  BOOT_AT_RESERVED = 96,
  BOOT_AT_SIGNATURE = 128, /* of all bytes before it */
  BOOT_AT_RESERVED_TOO = 192,
  BOOT_AT_CRC = 252, /* CRC-32C of all bytes before it */
};

enum boot_flag {
  BOOT_COPY = 1, /* to be copied to its run address; else it runs where it lies */
};

struct boot_header {
  uint32_t flags;
  uint32_t address; /* where the image lies */
  uint32_t size;
  uint32_t run_address; /* where its first byte is when it runs */
  uint32_t vectors;     /* offset of the vector table in the image */
  uint32_t security_version;
  char board[BOOT_NAME_SIZE];   /* filled up with NUL; all NUL: of any board */
  char version[BOOT_NAME_SIZE]; /* for people */
  uint8_t sha256[SHA256_SIZE];
  uint8_t signature[ED25519_SIGNATURE_SIZE];
};

enum boot_header_state {
  BOOT_HEADER_GOOD,
  BOOT_HEADER_BLANK,   /* as erased flash reads */
  BOOT_HEADER_BROKEN,  /* no magic, or another CRC */
  BOOT_HEADER_FOREIGN, /* a format, size, flag or reserved byte that is not known here */
};

/* Fills `header` if it is good, in itself: whether its addresses may be is not judged here. */
enum boot_header_state boot_header_parse(const uint8_t bytes[BOOT_HEADER_SIZE],
                                         struct boot_header* header);

#ifdef __cplusplus
}
#endif

#endif
