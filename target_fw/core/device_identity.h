/* What a board is, as its USB descriptors and the capabilities of XFP tell it. */
#ifndef GANGD_TARGET_FW_CORE_DEVICE_IDENTITY_H
#define GANGD_TARGET_FW_CORE_DEVICE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/dfu.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DEVICE_UID_SIZE 12

/* What a board is. Constant; outlives the device. */
struct device_identity {
  uint16_t usb_vendor; /* of the board's maker; 1209:0001 (pid.codes, for tests) by default */
  uint16_t usb_product;
  uint16_t usb_release;         /* bcdDevice */
  const char* manufacturer;     /* ASCII, at most 126 characters */
  const char* product;          /* the same */
  uint8_t uid[DEVICE_UID_SIZE]; /* the chip's 96 bits; told as a serial number of 24 hex digits */
  const uint8_t* program;       /* what the device runs: all of its code and constants */
  uint32_t program_size;
  /* Of the chip, as its DBGMCU_IDCODE reads: the device in the lower half, its revision in the
   * upper; 0: not told. */
  uint32_t chip;
  const char* board; /* its name in ASCII, at most 64 characters; NULL: not told */
  /* The nonce that whoever put the program into the RAM left for it (XFP_START_NONCE_SIZE bytes,
   * target_fw/PROTOCOL.md); NULL: it was started in another way. */
  const uint8_t* start_nonce;
  bool high_speed;
  /* How to start the firmware that was written; NULL: the device stays in DFU mode. */
  const struct dfu_leave* leave;
};

#ifdef __cplusplus
}
#endif

#endif
