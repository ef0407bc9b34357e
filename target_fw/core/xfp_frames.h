/* The frames of XFP on their way through the device: received into a ring while the chip works on
 * an earlier one, checked and unpacked in slices, so that the chip never waits for either. */
#ifndef GANGD_TARGET_FW_CORE_XFP_FRAMES_H
#define GANGD_TARGET_FW_CORE_XFP_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/lz4.h"
#include "target_fw/xfp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The largest payload, and the largest span of a WRITE or READ. A chip with less memory to spare
 * defines a smaller one. */
#ifndef XFP_PAYLOAD_MAX
#define XFP_PAYLOAD_MAX 16384u
#endif
/* A frame's room: whole packets of high speed, for some controllers receive nothing else. */
#define XFP_ROOM \
  ((XFP_HEADER_SIZE + XFP_PAYLOAD_MAX + XFP_CREDIT_UNIT) / XFP_CREDIT_UNIT * XFP_CREDIT_UNIT)
/* Told to the host: what its requests without an answer may occupy. */
#define XFP_BUFFER (4 * XFP_ROOM)
/* One room more at each end: the next frame, whatever its size, always finds its place. */
#define XFP_RING (XFP_BUFFER + 2 * XFP_ROOM)
#define XFP_FRAMES_MAX (XFP_BUFFER / XFP_CREDIT_UNIT + 2)

enum xfp_frame_state {
  XFP_FRAME_NEW,    /* not looked at to its end yet */
  XFP_FRAME_READY,  /* whole; `bytes` and `span` are what a WRITE writes */
  XFP_FRAME_BROKEN, /* not a frame, or not all of it */
};

struct xfp_frame {
  uint32_t at; /* in the ring */
  uint32_t size;
  enum xfp_frame_state state;
  uint32_t crc_to; /* so much of it is in `crc` */
  uint32_t crc;
  const uint8_t* bytes; /* NULL: the payload does not unpack to what it should */
};

/* What is large comes last: instructions reach what is near to the begin. */
struct xfp_frames {
  uint32_t first;
  uint32_t count;
  uint32_t free_at; /* where the next one is received */
  uint8_t unpack_next;
  bool unpacking;
  struct lz4 lz4;
  struct xfp_frame queue[XFP_FRAMES_MAX];
  uint8_t ring[XFP_RING];
  uint8_t unpacked[2][XFP_PAYLOAD_MAX]; /* one is written to the chip, the other is filled */
  uint8_t reply[XFP_HEADER_SIZE + XFP_PAYLOAD_MAX + 1];
};

/* The oldest, n = 0, and those behind it. */
struct xfp_frame* xfp_frame(struct xfp_frames* frames, uint32_t n);
const uint8_t* xfp_frame_header(const struct xfp_frames* frames, const struct xfp_frame* frame);

/* XFP_ROOM bytes for the next one; NULL: the host has sent more than it may. */
uint8_t* xfp_frames_room(struct xfp_frames* frames);
/* `size` bytes were received there. */
void xfp_frames_received(struct xfp_frames* frames, uint32_t size);
void xfp_frames_drop_first(struct xfp_frames* frames);
/* All but the first `kept`, 0 or 1. */
void xfp_frames_forget(struct xfp_frames* frames, uint32_t kept);

/* Looks at some of the frame. True: it is done with, and no longer XFP_FRAME_NEW. Only the first
 * two may be: there is room for what they unpack to. */
bool xfp_frames_prepare(struct xfp_frames* frames, struct xfp_frame* frame);

/* Where an answer's payload belongs. */
uint8_t* xfp_reply_payload(struct xfp_frames* frames);
/* Puts the header before it, `as` in the request of this header. Returns the size of the whole. */
uint32_t xfp_reply_finish(struct xfp_frames* frames, const uint8_t* as, uint8_t status,
                          uint32_t size);

#ifdef __cplusplus
}
#endif

#endif
