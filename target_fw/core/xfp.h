/* XFP, the device's end: frames on a pair of bulk endpoints, executed in the order in which they
 * came, while the next ones are received. See target_fw/PROTOCOL.md. */
#ifndef GANGD_TARGET_FW_CORE_XFP_H
#define GANGD_TARGET_FW_CORE_XFP_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/memory.h"
#include "target_fw/core/usb_device.h"
#include "target_fw/core/xfp_frames.h"
#include "target_fw/core/xfp_job.h"
#include "target_fw/core/xfp_regions.h"
#include "target_fw/port.h"
#include "target_fw/xfp.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XFP_ENDPOINT 1 /* its number, in both directions */

struct xfp {
  struct usb_device* usb;
  struct xfp_regions regions;
  uint8_t loader[SHA256_SIZE]; /* the hash of our own program */

  bool open;         /* the host has selected the interface */
  bool chip_lent;    /* somebody else has the memories: wait */
  uint32_t session;  /* 0: nothing is heard but HELLO */
  uint32_t sequence; /* of the next request */
  bool write_failed; /* what was to follow is refused */

  struct xfp_frames frames;
  bool receiving; /* behind the last frame */
  bool writing;   /* the first frame, into `writer` */
  bool written;   /* the chip is done with it, and the answer must wait */
  enum dfu_status write_status;
  const struct memory* writer;
  /* An operation that nobody waits for any more, and that the chip has not ended: its memory. */
  const struct memory* draining;
  bool draining_frame; /* it writes the bytes of the first frame */
  struct chip_wait wait;
  uint32_t slice_us; /* what a look at a frame takes */

  struct xfp_job job;
  bool sending;
};

/* All that is passed must outlive it; `program` is what the device runs, as it lies in its memory,
 * and may be empty. */
void xfp_init(struct xfp* xfp, const struct clock_port* clock, struct usb_device* usb,
              const struct memory* memories, uint8_t memories_count, const uint8_t* uid,
              const uint8_t* program, uint32_t program_size);

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
