#include "target_fw/core/xfp.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/bytes.h"
#include "target_fw/core/flash_trace.h"
#include "target_fw/core/sha256.h"

/* A WRITE that is done is not answered while so much more waits: the host has enough to do, and an
 * answer costs it as much as a block. */
#define BACKLOG (XFP_BUFFER / 2)

_Static_assert(sizeof(struct flash_trace) <= XFP_PAYLOAD_MAX, "a trace is one answer");

void xfp_init(struct xfp* xfp, const struct clock_port* clock, struct usb_device* usb,
              const struct memory* memories, uint8_t memories_count, const uint8_t* uid,
              const uint8_t* program, uint32_t program_size) {
  memset(xfp, 0, sizeof *xfp);
  xfp->wait.clock = clock;
  xfp->usb = usb;
  xfp->regions = (struct xfp_regions){memories, memories_count, uid};
  struct sha256 hash;
  sha256_begin(&hash);
  sha256_update(&hash, program, program_size);
  sha256_end(&hash, xfp->loader);
}

/* --- answers */

static const uint8_t* header_of_first(struct xfp* xfp) {
  return xfp_frame_header(&xfp->frames, xfp_frame(&xfp->frames, 0));
}

static void send_reply(struct xfp* xfp, uint32_t size) {
  xfp->sending = usb_endpoint_send(xfp->usb, XFP_ENDPOINT | USB_IN, xfp->frames.reply, size);
}

/* The answer to the first request, which is done with; its payload is in place. */
static void answer_first(struct xfp* xfp, uint8_t status, uint32_t size) {
  uint32_t whole = xfp_reply_finish(&xfp->frames, header_of_first(xfp), status, size);
  xfp_frames_drop_first(&xfp->frames);
  send_reply(xfp, whole);
}

static const struct memory* memory_of_header(const struct xfp* xfp, const uint8_t* header) {
  return xfp_memory_of(&xfp->regions, load_le32(header + XFP_AT_ADDRESS),
                       load_le32(header + XFP_AT_SPAN));
}

/* --- requests */

static enum dfu_status check_write(const struct xfp* xfp, const struct xfp_frame* frame,
                                   const uint8_t* header, const struct memory* memory) {
  if (xfp->write_failed) return DFU_ERR_NOTDONE;
  if (frame->bytes == NULL) return DFU_ERR_FILE;
  if (memory == NULL) return DFU_ERR_ADDRESS;
  if (!memory->writable) return DFU_ERR_WRITE;
  uint32_t offset = load_le32(header + XFP_AT_ADDRESS) - memory->geometry.address;
  uint32_t span = load_le32(header + XFP_AT_SPAN);
  uint32_t unit = memory->geometry.write_size;
  return offset % unit == 0 && span % unit == 0 ? DFU_OK : DFU_ERR_ADDRESS;
}

static void begin_write(struct xfp* xfp, const uint8_t* header) {
  const struct xfp_frame* frame = xfp_frame(&xfp->frames, 0);
  const struct memory* memory = memory_of_header(xfp, header);
  enum dfu_status status = check_write(xfp, frame, header, memory);
  if (status != DFU_OK) {
    xfp->write_failed = true;
    answer_first(xfp, (uint8_t)status, 0);
    return;
  }
  xfp->writing = true;
  xfp->writer = memory;
  xfp->wait.wait_us = 0;
  memory->write(memory->self, load_le32(header + XFP_AT_ADDRESS), frame->bytes,
                load_le32(header + XFP_AT_SPAN));
}

/* Whether the answer to a later WRITE will do for the first frame, too: the host has enough to do,
 * or has not even fetched the answer before. */
static bool is_answered_later(struct xfp* xfp) {
  if (xfp->frames.count < 2) return false;
  uint32_t waiting = 0;
  for (uint32_t i = 1; i < xfp->frames.count; ++i) {
    waiting += xfp_frame(&xfp->frames, i)->size;
  }
  const struct xfp_frame* next = xfp_frame(&xfp->frames, 1);
  const uint8_t* header = xfp_frame_header(&xfp->frames, next);
  return (waiting >= BACKLOG || xfp->sending) && next->state == XFP_FRAME_READY &&
         header[XFP_AT_OP] == XFP_WRITE && load_le32(header + XFP_AT_SESSION) == xfp->session &&
         load_le32(header + XFP_AT_SEQUENCE) == xfp->sequence;
}

/* The chip has done what it was told. */
static void end_write(struct xfp* xfp, enum dfu_status status) {
  const uint8_t* header = header_of_first(xfp);
  xfp->written = true;
  xfp->write_failed = status != DFU_OK;
  xfp->write_status = status;
  read_ahead_begin(&xfp->job.ahead, xfp->writer, load_le32(header + XFP_AT_ADDRESS),
                   load_le32(header + XFP_AT_SPAN), READ_AHEAD_MAX);
}

/* What was written is read back while nothing else waits: an early warning, for only a hash after
 * the last write proves what is there. */
static bool has_time_to_check(const struct xfp* xfp) {
  return xfp->written && !xfp->write_failed && xfp->job.ahead.left > 0 && xfp->writer->readable &&
         xfp->frames.count == 1;
}

static void check_piece(struct xfp* xfp) {
  struct read_ahead* ahead = &xfp->job.ahead;
  const struct xfp_frame* frame = xfp_frame(&xfp->frames, 0);
  uint32_t offset = ahead->address - load_le32(header_of_first(xfp) + XFP_AT_ADDRESS);
  uint32_t size = read_ahead_size(ahead);
  const uint8_t* bytes = read_ahead_take(ahead, &xfp->write_status);
  if (bytes != NULL && memcmp(bytes, frame->bytes + offset, size) != 0) {
    xfp->write_status = DFU_ERR_VERIFY;
  }
  xfp->write_failed = xfp->write_status != DFU_OK;
}

static void step_write(struct xfp* xfp) {
  if (!xfp->written) {
    struct memory_progress progress = chip_ask(&xfp->wait, xfp->writer);
    if (progress.state == MEMORY_BUSY) return;
    end_write(xfp, progress.state == MEMORY_FAILED ? progress.status : DFU_OK);
  }
  if (has_time_to_check(xfp)) check_piece(xfp);
  if (has_time_to_check(xfp)) return;
  read_ahead_pause(&xfp->job.ahead);
  if (!xfp->write_failed && is_answered_later(xfp)) {
    xfp_frames_drop_first(&xfp->frames);
  } else if (!xfp->sending) {
    answer_first(xfp, (uint8_t)xfp->write_status, 0);
  } else {
    return;
  }
  xfp->writing = xfp->written = false;
}

static void answer_job(struct xfp* xfp, const uint8_t* header) {
  const struct memory* memory = memory_of_header(xfp, header);
  enum dfu_status status =
      memory == NULL ? DFU_ERR_ADDRESS : xfp_job_begin(&xfp->job, header, memory);
  answer_first(xfp, (uint8_t)status, 0);
}

static void answer_status(struct xfp* xfp) {
  const struct xfp_job* job = &xfp->job;
  uint8_t* payload = xfp_reply_payload(&xfp->frames);
  uint32_t size = xfp_job_put(job, &xfp->wait, payload);
  if (job->state == XFP_JOB_DONE && job->op == XFP_HASH) {
    uint8_t* proof = payload + size;
    memcpy(proof + XFP_PROOF_AT_HASH, job->digest, SHA256_SIZE);
    memcpy(proof + XFP_PROOF_AT_UID, xfp->regions.uid, XFP_UID_SIZE);
    memcpy(proof + XFP_PROOF_AT_NONCE, job->nonce, XFP_NONCE_SIZE);
    memcpy(proof + XFP_PROOF_AT_LOADER, xfp->loader, SHA256_SIZE);
    size += XFP_PROOF_SIZE;
  }
  answer_first(xfp, XFP_OK, size);
}

static void answer_read(struct xfp* xfp, const uint8_t* header) {
  uint32_t address = load_le32(header + XFP_AT_ADDRESS);
  uint32_t span = load_le32(header + XFP_AT_SPAN);
  const struct memory* memory =
      span <= XFP_PAYLOAD_MAX ? xfp_memory_of(&xfp->regions, address, span) : NULL;
  enum dfu_status status = memory != NULL && memory->readable ? DFU_OK : DFU_ERR_ADDRESS;
  for (uint32_t at = 0; status == DFU_OK && at < span; at += READ_AHEAD_MAX) {
    uint32_t some = span - at < READ_AHEAD_MAX ? span - at : READ_AHEAD_MAX;
    status = memory->read(memory->self, address + at, xfp_reply_payload(&xfp->frames) + at, some);
  }
  answer_first(xfp, (uint8_t)status, status == DFU_OK ? span : 0);
}

static void answer_trace(struct xfp* xfp, const uint8_t* header) {
  const struct memory* memory = memory_of_header(xfp, header);
  if (memory == NULL || memory->trace == NULL) {
    answer_first(xfp, memory == NULL ? DFU_ERR_ADDRESS : DFU_ERR_TARGET, 0);
    return;
  }
  memcpy(xfp_reply_payload(&xfp->frames), memory->trace, sizeof *memory->trace);
  if (header[XFP_AT_MODE] == XFP_TRACE_FORGET) memory->clear_trace(memory->self);
  answer_first(xfp, XFP_OK, sizeof *memory->trace);
}

/* --- sessions */

/* What the chip does goes on; nobody waits for it any more. */
static void leave_to_chip(struct xfp* xfp) {
  struct xfp_job* job = &xfp->job;
  if (xfp->writing) {
    xfp->draining = xfp->writer;
    xfp->draining_frame = true;
    xfp->writing = xfp->written = false;
  } else if (job->state == XFP_JOB_RUNNING && job->erasing) {
    xfp->draining = job->memory;
  }
  xfp_job_leave(job);
}

static void step_drain(struct xfp* xfp) {
  if (chip_ask(&xfp->wait, xfp->draining).state == MEMORY_BUSY) return;
  xfp->draining = NULL;
  if (xfp->draining_frame) xfp_frames_drop_first(&xfp->frames);
  xfp->draining_frame = false;
}

/* A new session: nothing of the one before is of any meaning. */
static void begin_session(struct xfp* xfp, const uint8_t* header) {
  xfp->session = load_le32(header + XFP_AT_SESSION);
  xfp->sequence = 1;
  xfp->write_failed = false;
  leave_to_chip(xfp);
  answer_first(xfp, XFP_OK, xfp_put_capabilities(&xfp->regions, xfp_reply_payload(&xfp->frames)));
}

/* Says so once, and is deaf until the host begins anew. */
static void lose(struct xfp* xfp) {
  uint8_t header[XFP_HEADER_SIZE] = {0};
  uint32_t session = xfp->session;
  xfp->session = 0;
  xfp_frames_drop_first(&xfp->frames);
  if (session == 0) return;
  store_le32(header + XFP_AT_MAGIC, XFP_MAGIC);
  store_le32(header + XFP_AT_SESSION, session);
  store_le32(header + XFP_AT_SEQUENCE, xfp->sequence);
  header[XFP_AT_OP] = XFP_HELLO;
  send_reply(xfp, xfp_reply_finish(&xfp->frames, header, XFP_LOST, 0));
}

/* Whether the first request is one to execute now; if not, it has been dealt with. */
static bool accept_first(struct xfp* xfp) {
  const uint8_t* header = header_of_first(xfp);
  if (xfp_frame(&xfp->frames, 0)->state == XFP_FRAME_BROKEN) {
    lose(xfp);
    return false;
  }
  uint32_t session = load_le32(header + XFP_AT_SESSION);
  uint32_t sequence = load_le32(header + XFP_AT_SEQUENCE);
  if (header[XFP_AT_OP] == XFP_HELLO && session != 0 && sequence == 0) {
    begin_session(xfp, header);
    return false;
  }
  if (session != xfp->session || session == 0) {
    xfp_frames_drop_first(&xfp->frames); /* of a session that is over */
    return false;
  }
  if (sequence != xfp->sequence) {
    lose(xfp);
    return false;
  }
  return true;
}

static void execute_first(struct xfp* xfp) {
  const uint8_t* header = header_of_first(xfp);
  enum xfp_op op = (enum xfp_op)header[XFP_AT_OP];
  bool needs_chip = op != XFP_STATUS;
  bool chip_is_free = xfp->job.state != XFP_JOB_RUNNING && !xfp->chip_lent && xfp->draining == NULL;
  if (needs_chip && !chip_is_free) return;
  ++xfp->sequence;
  switch (op) {
    case XFP_ERASE:
    case XFP_HASH:
    case XFP_DIGESTS:
      answer_job(xfp, header);
      break;
    case XFP_WRITE:
      begin_write(xfp, header);
      break;
    case XFP_STATUS:
      answer_status(xfp);
      break;
    case XFP_READ:
      answer_read(xfp, header);
      break;
    case XFP_TRACE:
      answer_trace(xfp, header);
      break;
    default:
      answer_first(xfp, DFU_ERR_TARGET, 0);
      break;
  }
}

/* --- the work */

static void receive_next(struct xfp* xfp) {
  if (!xfp->open || xfp->receiving) return;
  uint8_t* room = xfp_frames_room(&xfp->frames);
  if (room == NULL) return;
  xfp->receiving = usb_endpoint_receive(xfp->usb, XFP_ENDPOINT, room, XFP_ROOM);
}

bool xfp_has_chip(const struct xfp* xfp) {
  return xfp->writing || xfp->draining != NULL ||
         (xfp->job.state == XFP_JOB_RUNNING && xfp->job.erasing);
}

/* The first two frames may be looked at: the one whose turn it is, and the one behind a WRITE that
 * the chip is busy with, as long as the chip need not wait for it. True: there is more to look at.
 */
static bool prepare(struct xfp* xfp) {
  struct xfp_frames* frames = &xfp->frames;
  bool first_is_with_chip = xfp->writing || xfp->draining_frame;
  uint32_t n = first_is_with_chip ? 1 : 0;
  if (frames->count <= n || xfp_frame(frames, n)->state != XFP_FRAME_NEW) return false;
  if (first_is_with_chip && chip_wait_left_us(&xfp->wait) < xfp->slice_us) return false;
  const struct clock_port* clock = xfp->wait.clock;
  uint32_t began_us = clock->now_us(clock->self);
  bool is_done = xfp_frames_prepare(frames, xfp_frame(frames, n));
  xfp->slice_us = clock->now_us(clock->self) - began_us + 1;
  return !is_done;
}

/* A WRITE that needs no answer now: it need not wait until the answer before it was fetched. */
static bool is_write_without_answer(struct xfp* xfp) {
  const struct xfp_frame* frame = xfp_frame(&xfp->frames, 0);
  const uint8_t* header = xfp_frame_header(&xfp->frames, frame);
  return frame->state == XFP_FRAME_READY && header[XFP_AT_OP] == XFP_WRITE && xfp->session != 0 &&
         load_le32(header + XFP_AT_SESSION) == xfp->session &&
         load_le32(header + XFP_AT_SEQUENCE) == xfp->sequence &&
         check_write(xfp, frame, header, memory_of_header(xfp, header)) == DFU_OK;
}

/* One answer at a time: while its bytes are on their way, the next must wait. */
static void serve_first(struct xfp* xfp) {
  if (xfp->writing) step_write(xfp);
  bool is_ready = !xfp->writing && xfp->frames.count > 0 && !xfp->draining_frame &&
                  xfp_frame(&xfp->frames, 0)->state != XFP_FRAME_NEW &&
                  (!xfp->sending || is_write_without_answer(xfp));
  if (is_ready && accept_first(xfp)) execute_first(xfp);
}

uint32_t xfp_poll(struct xfp* xfp) {
  receive_next(xfp);
  if (!xfp->open && !xfp_has_chip(xfp)) return UINT32_MAX;
  if (xfp->draining != NULL) step_drain(xfp);
  if (!xfp->writing) prepare(xfp);
  serve_first(xfp);
  bool has_more = prepare(xfp); /* the chip has just got something to do */
  if (xfp->job.state == XFP_JOB_RUNNING && !xfp->chip_lent) xfp_job_step(&xfp->job, &xfp->wait);
  receive_next(xfp);
  if (has_more) return 0;
  if (xfp->written) return has_time_to_check(xfp) ? 0 : UINT32_MAX;
  if (xfp_has_chip(xfp)) return chip_wait_left_us(&xfp->wait);
  bool has_work = xfp->job.state == XFP_JOB_RUNNING || (xfp->frames.count > 0 && !xfp->sending);
  return has_work ? 0 : UINT32_MAX;
}

/* --- the interface */

static enum usb_answer on_setup(void* self, const struct usb_setup* setup,
                                struct usb_stage* stage) {
  (void)self, (void)setup, (void)stage; /* all goes over the bulk endpoints */
  return USB_STALL;
}

static enum usb_answer on_received(void* self, const struct usb_setup* setup) {
  (void)self, (void)setup;
  return USB_STALL;
}

/* The host is gone, or begins anew. */
static void forget(struct xfp* xfp) {
  leave_to_chip(xfp);
  xfp->open = false;
  xfp->session = 0;
  xfp->receiving = false;
  xfp->sending = false;
  xfp_frames_forget(&xfp->frames, xfp->draining_frame ? 1 : 0);
}

static void on_reset(void* self) {
  forget(self);
}

static void on_select(void* self, uint8_t alternate) {
  struct xfp* xfp = self;
  (void)alternate;
  forget(xfp);
  uint16_t packet_max = xfp->usb->high_speed ? 512 : 64;
  usb_endpoint_open(xfp->usb, XFP_ENDPOINT, packet_max);
  usb_endpoint_open(xfp->usb, XFP_ENDPOINT | USB_IN, packet_max);
  xfp->open = true;
}

static void on_transferred(void* self, uint8_t endpoint, uint32_t size) {
  struct xfp* xfp = self;
  if (endpoint & USB_IN) {
    xfp->sending = false;
    return;
  }
  xfp->receiving = false;
  xfp_frames_received(&xfp->frames, size);
}

struct usb_interface xfp_interface(struct xfp* xfp) {
  return (struct usb_interface){
      .self = xfp,
      .alternates = 1,
      .endpoints = 1 << XFP_ENDPOINT,
      .setup = on_setup,
      .received = on_received,
      .select = on_select,
      .reset = on_reset,
      .transferred = on_transferred,
  };
}
