/* XFP, the device's end: frames on a pair of bulk endpoints, executed in the order in which they
 * came, while the next ones are received. See target_fw/PROTOCOL.md. */
#ifndef GANGD_TARGET_FW_CORE_XFP_H
#define GANGD_TARGET_FW_CORE_XFP_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/device_identity.h"
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

/* What is large comes last: instructions reach what is near to the begin. */
struct xfp {
  struct usb_device* usb;
  struct xfp_regions regions;
  uint8_t loader[SHA256_SIZE]; /* the hash of our own program */

  bool open;         /* the host has selected the interface */
  uint32_t lent_ms;  /* somebody else has the memories for so long: wait; 0: nobody */
  uint32_t session;  /* 0: nothing is heard but HELLO */
  uint32_t sequence; /* of the next request */
  bool write_failed; /* what was to follow is refused */
  uint32_t stale;    /* core/stale.h */

  bool receiving; /* behind the last frame */
  bool writing;   /* the first frame, into `writer` */
  bool written;   /* the chip is done with it, and the answer must wait */
  bool checking;  /* and the job's `ahead` reads back what was written */
  enum dfu_status write_status;
  const struct memory* writer;
  /* An operation that nobody waits for any more, and that the chip has not ended: its memory. */
  const struct memory* draining;
  bool draining_frame; /* it writes the bytes of the first frame */
  struct chip_wait wait;
  uint32_t slice_us;    /* what a look at a frame takes */
  uint32_t job_step_us; /* what the job's last step took */
  bool sending;

  struct xfp_job job;
  struct xfp_frames frames;
};

/* All that is passed must outlive it; the identity's program, as it lies in memory, may be empty.
 */
void xfp_init(struct xfp* xfp, const struct clock_port* clock, struct usb_device* usb,
              const struct memory* memories, uint8_t memories_count,
              const struct device_identity* identity);

/* What the USB device calls. */
struct usb_interface xfp_interface(struct xfp* xfp);

/* Goes on with what runs. Returns in how many microseconds it should be called again; UINT32_MAX:
 * when something arrives. */
uint32_t xfp_poll(struct xfp* xfp);

/* Whether it works on a memory: nobody else may touch one. */
bool xfp_has_chip(const struct xfp* xfp);

#ifdef __cplusplus
}
#endif

#endif
