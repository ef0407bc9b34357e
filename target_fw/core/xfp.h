/* XFP, the device's end: frames on a pair of bulk endpoints, executed in the order in which they
 * came, while the next ones are received. See target_fw/PROTOCOL.md. */
#ifndef GANGD_TARGET_FW_CORE_XFP_H
#define GANGD_TARGET_FW_CORE_XFP_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/memory.h"
#include "target_fw/core/sha256.h"
#include "target_fw/core/usb_device.h"
#include "target_fw/port.h"
#include "target_fw/xfp.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XFP_ENDPOINT 1 /* its number, in both directions */
#define XFP_SLOTS 4
#define XFP_UID_SIZE 12
/* Whole packets of high speed: some controllers receive nothing else. */
#define XFP_ROOM 4608

struct xfp_slot {
  uint32_t size; /* of what was received */
  uint8_t bytes[XFP_ROOM];
};

struct xfp_job {
  enum xfp_job_state state;
  enum xfp_op op;
  enum dfu_status status;
  const struct memory* memory;
  uint32_t address; /* of what comes next */
  uint32_t begin;
  uint32_t total;
  uint32_t done;
  uint32_t skipped;
  bool force;
  bool erasing;       /* the chip erases the block at `address` */
  uint32_t looked_to; /* so much of that block is blank, as read */
  struct sha256 hash;
  uint8_t digest[SHA256_SIZE];
};

struct xfp {
  const struct clock_port* clock;
  struct usb_device* usb;
  const struct memory* memories;
  uint8_t memories_count;
  const uint8_t* uid;

  bool open;         /* the host has selected the interface */
  bool chip_lent;    /* somebody else has the memories: wait */
  uint32_t session;  /* 0: nothing is heard but HELLO */
  uint32_t sequence; /* of the next request */
  bool write_failed; /* what was to follow is refused */

  struct xfp_slot slots[XFP_SLOTS];
  uint8_t first; /* of those that are filled */
  uint8_t count;
  bool receiving; /* into the slot behind them */
  bool writing;   /* the first slot's bytes, into `writer` */
  const struct memory* writer;
  /* An operation that nobody waits for any more, and that the chip has not ended: its memory. */
  const struct memory* draining;
  bool draining_slot; /* it writes the bytes of the first slot */
  uint32_t wait_us;   /* what the chip has said */
  uint32_t waited_from_us;

  struct xfp_job job;
  bool sending;
  uint8_t reply[XFP_FRAME_MAX];
};

/* All that is passed must outlive it. */
void xfp_init(struct xfp* xfp, const struct clock_port* clock, struct usb_device* usb,
              const struct memory* memories, uint8_t memories_count, const uint8_t* uid);

/* What the USB device calls. */
struct usb_interface xfp_interface(struct xfp* xfp);

/* Goes on with what runs. Returns in how many microseconds it should be called again; UINT32_MAX:
 * when something arrives. */
uint32_t xfp_poll(struct xfp* xfp);

/* Whether an operation runs on a memory: nobody else may touch it. */
bool xfp_has_chip(const struct xfp* xfp);

#ifdef __cplusplus
}
#endif

#endif
