#include "target_fw/core/xfp.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/bytes.h"
#include "target_fw/core/device.h"
#include "target_fw/core/flash_trace.h"
#include "target_fw/core/sha256.h"
#include "target_fw/core/stale.h"

/* A WRITE that is done is not answered while so much more waits: the host has enough to do, and an
 * answer costs it as much as a block. */
#define BACKLOG (XFP_BUFFER / 2)
/* Bytes that a job reads at once while the chip programs: a page takes 150 us, of which a Cortex-M4
 * of 80 MHz needs half for their CRC-32C. */
#define PIECE_BESIDE_WRITE 512u

_Static_assert(sizeof(struct flash_trace) <= XFP_PAYLOAD_MAX, "a trace is one answer");

void xfp_init(struct xfp* xfp, const struct clock_port* clock, struct usb_device* usb,
              const struct memory* memories, uint8_t memories_count,
              const struct device_identity* identity) {
  memset(xfp, 0, sizeof *xfp);
  xfp->wait.clock = clock;
  xfp->usb = usb;
  xfp->regions = (struct xfp_regions){memories, memories_count, identity};
  struct sha256 hash;
  sha256_begin(&hash);
  sha256_update(&hash, identity->program, identity->program_size);
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

/* Whether it means something to us: to a newer host another mode or flag may mean that less is to
 * be done. A WRITE of another mode is a payload that does not unpack. */
static bool is_known(const uint8_t* header) {
  static const uint8_t last_mode[] = {
      [XFP_ERASE] = XFP_ERASE_ALL,
      [XFP_WRITE] = UINT8_MAX,
      [XFP_HASH] = XFP_HASH_AS_BOOTED,
      [XFP_TRACE] = XFP_TRACE_FORGET,
  };
  const uint8_t op = header[XFP_AT_OP];
  return op < sizeof last_mode && header[XFP_AT_MODE] <= last_mode[op] &&
         (header[XFP_AT_FLAGS] & ~XFP_QUIET) == 0;
}

static enum dfu_status check_write(const struct xfp* xfp, const struct xfp_frame* frame,
                                   const uint8_t* header, const struct memory* memory) {
  if (xfp->write_failed) return DFU_ERR_NOTDONE;
  if (!is_known(header)) return DFU_ERR_TARGET;
  if (frame->bytes == NULL) return DFU_ERR_FILE;
  if (memory == NULL) return DFU_ERR_ADDRESS;
  if (!memory->writable) return DFU_ERR_WRITE;
  uint32_t offset = load_le32(header + XFP_AT_ADDRESS) - memory->geometry.address;
  uint32_t span = load_le32(header + XFP_AT_SPAN);
  uint32_t unit = memory->geometry.write_size;
  return offset % unit == 0 && span % unit == 0 ? DFU_OK : DFU_ERR_ADDRESS;
}

/* What a job's step took with larger pieces would keep it out of every page. */
static void cut_job(struct xfp* xfp) {
  struct read_ahead* ahead = &xfp->job.ahead;
  xfp->job_step_us = xfp->job_step_us * PIECE_BESIDE_WRITE / ahead->piece;
  read_ahead_cut(ahead, PIECE_BESIDE_WRITE);
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
  if (xfp->job.state == XFP_JOB_RUNNING) cut_job(xfp);
  xfp->writing = true;
  xfp->stale = STALE_ALL;
  xfp->writer = memory;
  xfp->wait.wait_us = 0;
  memory->write(memory->self, load_le32(header + XFP_AT_ADDRESS), frame->bytes,
                load_le32(header + XFP_AT_SPAN));
}

/* Whether the answer to a later WRITE will do for the first frame, too: the host says so, or has
 * enough to do, or has not even fetched the answer before. */
static bool is_answered_later(struct xfp* xfp) {
  if (header_of_first(xfp)[XFP_AT_FLAGS] & XFP_QUIET) return true;
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
  xfp->checking = xfp->job.state != XFP_JOB_RUNNING; /* which reads, in another bank */
  if (!xfp->checking) return;
  read_ahead_begin(&xfp->job.ahead, xfp->writer, load_le32(header + XFP_AT_ADDRESS),
                   load_le32(header + XFP_AT_SPAN), READ_AHEAD_MAX);
}

/* What was written is read back while nothing else waits: an early warning, for only a hash after
 * the last write proves what is there. */
static bool has_time_to_check(const struct xfp* xfp) {
  return xfp->written && xfp->checking && !xfp->write_failed && xfp->job.ahead.left > 0 &&
         xfp->writer->readable && xfp->frames.count == 1;
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
  if (xfp->checking) read_ahead_pause(&xfp->job.ahead);
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
  xfp->stale = STALE_ALL;
  answer_first(xfp, (uint8_t)status, 0);
}

/* How long the chip goes on with what nobody here waits for; 0: it does not. */
static uint32_t taken_ms(const struct xfp* xfp) {
  if (xfp->lent_ms > 0 || xfp->draining == NULL) return xfp->lent_ms;
  return chip_wait_left_us(&xfp->wait) / 1000 + 1;
}

static void answer_status(struct xfp* xfp) {
  const struct xfp_job* job = &xfp->job;
  uint8_t* payload = xfp_reply_payload(&xfp->frames);
  uint32_t size = xfp_job_put(job, &xfp->wait, taken_ms(xfp), payload);
  if (job->state == XFP_JOB_DONE && job->op == XFP_HASH) {
    uint8_t* proof = payload + size;
    memcpy(proof + XFP_PROOF_AT_HASH, job->digest, SHA256_SIZE);
    memcpy(proof + XFP_PROOF_AT_UID, xfp->regions.identity->uid, DEVICE_UID_SIZE);
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
  enum dfu_status status = DFU_ERR_ADDRESS;
  if (memory != NULL && memory->readable) {
    const struct memory* memories = xfp->regions.memories;
    status = stale_restart(&xfp->stale, memories, (uint32_t)(memory - memories));
  }
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
  xfp->stale = STALE_ALL;
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

static bool is_job(enum xfp_op op) {
  return op == XFP_ERASE || op == XFP_HASH || op == XFP_DIGESTS;
}

/* Whether what runs leaves the chip to this request: a job waits for it by itself; and digests are
 * made of one bank while another is written. */
static bool may_begin(const struct xfp* xfp, const uint8_t* header) {
  const struct xfp_job* job = &xfp->job;
  const enum xfp_op op = (enum xfp_op)header[XFP_AT_OP];
  if (op == XFP_STATUS) return true;
  if (job->state != XFP_JOB_RUNNING) return is_job(op) || taken_ms(xfp) == 0;
  return op == XFP_WRITE && taken_ms(xfp) == 0 && memory_of_header(xfp, header) == job->memory &&
         xfp_job_leaves(job, load_le32(header + XFP_AT_ADDRESS), load_le32(header + XFP_AT_SPAN));
}

static void execute_first(struct xfp* xfp) {
  const uint8_t* header = header_of_first(xfp);
  enum xfp_op op = (enum xfp_op)header[XFP_AT_OP];
  if (!may_begin(xfp, header)) return;
  ++xfp->sequence;
  if (op != XFP_WRITE && !is_known(header)) {
    answer_first(xfp, DFU_ERR_TARGET, 0);
    return;
  }
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

static bool is_chip_busy(const struct xfp* xfp) {
  return xfp->writing || xfp->draining != NULL ||
         (xfp->job.state == XFP_JOB_RUNNING && xfp->job.erasing);
}

/* Between the steps of a job, too: a hash is of what lies there all the time. */
bool xfp_has_chip(const struct xfp* xfp) {
  return is_chip_busy(xfp) || xfp->job.state == XFP_JOB_RUNNING;
}

/* The first two frames may be looked at: the one whose turn it is, and the one behind a WRITE that
 * the chip is busy with, as long as the chip need not wait for it. True: there is more to look at.
 */
static bool prepare(struct xfp* xfp) {
  struct xfp_frames* frames = &xfp->frames;
  uint32_t n = xfp->writing ? 1 : 0;
  /* Behind a write that nobody waits for any more, both places to unpack to may be taken. */
  if (xfp->draining_frame) return false;
  if (frames->count <= n || xfp_frame(frames, n)->state != XFP_FRAME_NEW) return false;
  if (xfp->writing && chip_wait_left_us(&xfp->wait) < xfp->slice_us) return false;
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

/* One answer at a time: while its bytes are on their way, the next must wait. True: the first frame
 * was none to answer, and the next may be looked at. */
static bool serve_first(struct xfp* xfp) {
  if (xfp->writing) step_write(xfp);
  bool is_ready = !xfp->writing && xfp->frames.count > 0 && !xfp->draining_frame &&
                  xfp_frame(&xfp->frames, 0)->state != XFP_FRAME_NEW &&
                  (!xfp->sending || is_write_without_answer(xfp));
  if (!is_ready) return false;
  if (!accept_first(xfp)) return !xfp->sending;
  execute_first(xfp);
  return false;
}

/* Beside a WRITE a job has the time that the chip takes for its page. A step is measured with the
 * wait for what it reads; the next such read goes on behind it. */
static bool may_step_job(const struct xfp* xfp) {
  if (xfp->job.state != XFP_JOB_RUNNING || taken_ms(xfp) > 0) return false;
  return !xfp->writing || xfp->written || chip_wait_left_us(&xfp->wait) >= 2 * xfp->job_step_us;
}

static void step_job(struct xfp* xfp) {
  const struct clock_port* clock = xfp->wait.clock;
  uint32_t began_us = clock->now_us(clock->self);
  if (xfp->job.op != XFP_ERASE) {
    read_ahead_cut(&xfp->job.ahead, xfp->writing ? PIECE_BESIDE_WRITE : READ_AHEAD_MAX);
  }
  xfp_job_step(&xfp->job, &xfp->wait);
  xfp->job_step_us = clock->now_us(clock->self) - began_us;
}

uint32_t xfp_poll(struct xfp* xfp) {
  receive_next(xfp);
  if (!xfp->open && !is_chip_busy(xfp)) return UINT32_MAX;
  if (xfp->draining != NULL) step_drain(xfp);
  if (!xfp->writing) prepare(xfp);
  bool has_more = serve_first(xfp);
  has_more = prepare(xfp) || has_more; /* the chip has just got something to do */
  if (may_step_job(xfp)) step_job(xfp);
  receive_next(xfp);
  if (has_more || (xfp->writing && may_step_job(xfp))) return 0;
  if (xfp->written) return has_time_to_check(xfp) ? 0 : UINT32_MAX;
  if (is_chip_busy(xfp)) return chip_wait_left_us(&xfp->wait);
  bool has_work = may_step_job(xfp) || (xfp->frames.count > 0 && !xfp->sending);
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
