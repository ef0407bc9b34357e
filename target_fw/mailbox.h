/* The mailbox: how whoever puts the RAM loader into a chip's RAM finds it again on the bus. It lies
 * behind the hashed image, so that the image is the same bytes for every unit.
 *
 * The host writes it like any other block of RAM; the loader reads it once, at its start, and makes
 * it invalid. What it held comes back in the capability XFP_FIELD_START. */
#ifndef GANGD_TARGET_FW_MAILBOX_H
#define GANGD_TARGET_FW_MAILBOX_H

#include <stdint.h>

/* On STM32H7RS: the loader is linked at the first address, its image ends before the second. */
#define MAILBOX_LOADER_ADDRESS 0x24040000u
#define MAILBOX_ADDRESS 0x24050000u
#define MAILBOX_SIZE 64u /* bytes that are the mailbox's; the loader's data begin behind them */

#define MAILBOX_MAGIC 0x4d474e47u /* "GNGM" */
#define MAILBOX_VERSION 1u
#define MAILBOX_NONCE_SIZE 16u

/* Little-endian, like the chip. */
struct mailbox {
  uint32_t magic;
  uint32_t version;
  uint8_t nonce[MAILBOX_NONCE_SIZE];
  uint32_t crc; /* CRC-32C of the bytes before */
};

/* Where its fields are, for a host that puts the bytes together. */
enum {
  MAILBOX_AT_MAGIC = 0,
  MAILBOX_AT_VERSION = 4,
  MAILBOX_AT_NONCE = 8,
  MAILBOX_AT_CRC = 24,
  MAILBOX_USED = 28, /* bytes */
};

#endif
