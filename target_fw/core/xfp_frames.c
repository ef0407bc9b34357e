#include "target_fw/core/xfp_frames.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"

/* Bytes of one look: 150 us with a byte-wise table on a Cortex-M4 of 80 MHz, less than a page. */
#define SLICE 2048u

struct xfp_frame* xfp_frame(struct xfp_frames* frames, uint32_t n) {
  return &frames->queue[(frames->first + n) % XFP_FRAMES_MAX];
}

const uint8_t* xfp_frame_header(const struct xfp_frames* frames, const struct xfp_frame* frame) {
  return frames->ring + frame->at;
}

/* --- the ring */

uint8_t* xfp_frames_room(struct xfp_frames* frames) {
  if (frames->count == XFP_FRAMES_MAX) return NULL;
  if (frames->count == 0) {
    frames->free_at = 0;
    return frames->ring;
  }
  uint32_t used_from = xfp_frame(frames, 0)->at;
  bool wrapped = frames->free_at <= used_from;
  if (!wrapped && frames->free_at + XFP_ROOM > XFP_RING) {
    /* What is left at the end is too little for a frame. */
    if (used_from < XFP_ROOM) return NULL;
    frames->free_at = 0;
    return frames->ring;
  }
  if (wrapped && used_from - frames->free_at < XFP_ROOM) return NULL;
  return frames->ring + frames->free_at;
}

void xfp_frames_received(struct xfp_frames* frames, uint32_t size) {
  uint32_t units = (size + XFP_CREDIT_UNIT - 1) / XFP_CREDIT_UNIT;
  *xfp_frame(frames, frames->count) = (struct xfp_frame){.at = frames->free_at, .size = size};
  ++frames->count;
  frames->free_at += (units == 0 ? 1 : units) * XFP_CREDIT_UNIT;
}

void xfp_frames_drop_first(struct xfp_frames* frames) {
  frames->first = (frames->first + 1) % XFP_FRAMES_MAX;
  --frames->count;
  frames->unpacking = false;
}

void xfp_frames_forget(struct xfp_frames* frames, uint32_t kept) {
  frames->count = kept;
  frames->unpacking = false;
  if (kept == 0) return;
  const struct xfp_frame* first = xfp_frame(frames, 0);
  uint32_t units = (first->size + XFP_CREDIT_UNIT - 1) / XFP_CREDIT_UNIT;
  frames->free_at = first->at + units * XFP_CREDIT_UNIT;
}

/* --- what is in a frame */

static uint32_t frame_size(const uint8_t* header) {
  return XFP_HEADER_SIZE + load_le32(header + XFP_AT_SIZE);
}

/* As far as sizes tell. */
static bool could_be_whole(const struct xfp_frame* frame, const uint8_t* header) {
  if (frame->size < XFP_HEADER_SIZE || load_le32(header + XFP_AT_MAGIC) != XFP_MAGIC) return false;
  if (load_le32(header + XFP_AT_SIZE) > XFP_PAYLOAD_MAX) return false;
  uint32_t whole = frame_size(header);
  /* Filled up with zeros where another frame follows in the same transfer. */
  if (whole < XFP_ROOM && frame->size == XFP_ROOM) return true;
  return frame->size == (whole % XFP_PACKET_UNIT == 0 ? whole + 1 : whole);
}

static bool end(struct xfp_frame* frame, enum xfp_frame_state state) {
  frame->state = state;
  return true;
}

/* A pattern, as often as it fits. */
static const uint8_t* fill(struct xfp_frames* frames, const uint8_t* pattern, uint32_t size,
                           uint32_t span) {
  if (size == 0) return NULL;
  uint8_t* to = frames->unpacked[frames->unpack_next];
  frames->unpack_next ^= 1;
  for (uint32_t at = 0; at < span; at += size) {
    memcpy(to + at, pattern, span - at < size ? span - at : size);
  }
  return to;
}

static bool unpack_lz4(struct xfp_frames* frames, struct xfp_frame* frame, const uint8_t* payload,
                       uint32_t size, uint32_t span) {
  uint8_t* to = frames->unpacked[frames->unpack_next];
  if (!frames->unpacking) {
    lz4_begin(&frames->lz4, payload, size, to, span);
    frames->unpacking = true;
  }
  enum lz4_state state = lz4_step(&frames->lz4, SLICE);
  if (state < LZ4_DONE) return false;
  frames->unpacking = false;
  frames->unpack_next ^= 1;
  frame->bytes = state == LZ4_DONE ? to : NULL;
  return end(frame, XFP_FRAME_READY);
}

/* The frame is whole: what it writes. */
static bool unpack(struct xfp_frames* frames, struct xfp_frame* frame, const uint8_t* header) {
  const uint8_t* payload = header + XFP_HEADER_SIZE;
  uint32_t size = load_le32(header + XFP_AT_SIZE);
  uint32_t span = load_le32(header + XFP_AT_SPAN);
  frame->bytes = payload;
  if (header[XFP_AT_OP] != XFP_WRITE) return end(frame, XFP_FRAME_READY);
  uint8_t codec = header[XFP_AT_MODE];
  if (span > XFP_PAYLOAD_MAX) {
    frame->bytes = NULL;
  } else if (codec == XFP_LZ4) {
    return unpack_lz4(frames, frame, payload, size, span);
  } else if (codec == XFP_FILL) {
    frame->bytes = fill(frames, payload, size, span);
  } else if (codec != XFP_RAW || size != span) {
    frame->bytes = NULL;
  }
  return end(frame, XFP_FRAME_READY);
}

bool xfp_frames_prepare(struct xfp_frames* frames, struct xfp_frame* frame) {
  const uint8_t* header = xfp_frame_header(frames, frame);
  if (frame->state != XFP_FRAME_NEW) return true;
  if (frame->crc_to == 0) {
    if (!could_be_whole(frame, header)) return end(frame, XFP_FRAME_BROKEN);
    frame->crc_to = XFP_AT_SESSION;
  }
  uint32_t left = frame_size(header) - frame->crc_to;
  if (left > 0) {
    uint32_t some = left < SLICE ? left : SLICE;
    frame->crc = crc32c_update(frame->crc, header + frame->crc_to, some);
    frame->crc_to += some;
    if (some < left) return false;
    if (frame->crc != load_le32(header + XFP_AT_CRC)) return end(frame, XFP_FRAME_BROKEN);
  }
  return unpack(frames, frame, header);
}

/* --- answers */

uint8_t* xfp_reply_payload(struct xfp_frames* frames) {
  return frames->reply + XFP_HEADER_SIZE;
}

uint32_t xfp_reply_finish(struct xfp_frames* frames, const uint8_t* as, uint8_t status,
                          uint32_t size) {
  uint8_t* reply = frames->reply;
  memcpy(reply, as, XFP_HEADER_SIZE);
  reply[XFP_AT_STATUS] = status;
  store_le32(reply + XFP_AT_SIZE, size);
  uint32_t whole = XFP_HEADER_SIZE + size;
  store_le32(reply + XFP_AT_CRC, crc32c_update(0, reply + XFP_AT_SESSION, whole - XFP_AT_SESSION));
  if (whole % XFP_PACKET_UNIT == 0) reply[whole++] = 0;
  return whole;
}
