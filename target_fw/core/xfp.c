#include "target_fw/core/xfp.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"

/* One read of a memory; memory.h allows no more. */
#define LOOK_SIZE 4096u
#define NAME_MAX 64u

void xfp_init(struct xfp* xfp, const struct clock_port* clock, struct usb_device* usb,
              const struct memory* memories, uint8_t memories_count, const uint8_t* uid) {
  memset(xfp, 0, sizeof *xfp);
  xfp->clock = clock;
  xfp->usb = usb;
  xfp->memories = memories;
  xfp->memories_count = memories_count;
  xfp->uid = uid;
}

/* --- frames */

/* Sends the reply whose payload is in place. */
static void answer(struct xfp* xfp, uint32_t session, uint32_t sequence, enum xfp_op op,
                   uint8_t status, uint32_t address, uint32_t size) {
  uint8_t* reply = xfp->reply;
  store_le32(reply + XFP_AT_MAGIC, XFP_MAGIC);
  store_le32(reply + XFP_AT_SESSION, session);
  store_le32(reply + XFP_AT_SEQUENCE, sequence);
  reply[XFP_AT_OP] = (uint8_t)op;
  reply[XFP_AT_STATUS] = status;
  store_le16(reply + XFP_AT_SIZE, (uint16_t)size);
  store_le32(reply + XFP_AT_ADDRESS, address);
  uint32_t whole = XFP_HEADER_SIZE + size;
  store_le32(reply + XFP_AT_CRC, crc32c_update(0, reply + XFP_AT_SESSION, whole - XFP_AT_SESSION));
  if (whole % XFP_PACKET_UNIT == 0) reply[whole++] = 0;
  xfp->sending = usb_endpoint_send(xfp->usb, XFP_ENDPOINT | USB_IN, reply, whole);
}

static uint8_t* payload_of(uint8_t* frame) {
  return frame + XFP_HEADER_SIZE;
}

static bool is_whole(const struct xfp_slot* slot) {
  const uint8_t* frame = slot->bytes;
  if (slot->size < XFP_HEADER_SIZE || load_le32(frame + XFP_AT_MAGIC) != XFP_MAGIC) return false;
  uint32_t whole = XFP_HEADER_SIZE + load_le16(frame + XFP_AT_SIZE);
  uint32_t expected = whole % XFP_PACKET_UNIT == 0 ? whole + 1 : whole;
  if (slot->size != expected) return false;
  return load_le32(frame + XFP_AT_CRC) ==
         crc32c_update(0, frame + XFP_AT_SESSION, whole - XFP_AT_SESSION);
}

static void free_first(struct xfp* xfp) {
  xfp->first = (uint8_t)((xfp->first + 1) % XFP_SLOTS);
  --xfp->count;
}

/* The answer to the first request, which is done with. */
static void answer_first(struct xfp* xfp, uint8_t status, uint32_t size) {
  const uint8_t* frame = xfp->slots[xfp->first].bytes;
  answer(xfp, load_le32(frame + XFP_AT_SESSION), load_le32(frame + XFP_AT_SEQUENCE),
         (enum xfp_op)frame[XFP_AT_OP], status, load_le32(frame + XFP_AT_ADDRESS), size);
  free_first(xfp);
}

/* --- capabilities */

static uint8_t* put_field(uint8_t* at, enum xfp_field type, uint32_t size) {
  at[0] = (uint8_t)type;
  at[1] = (uint8_t)size;
  return at + 2;
}

static uint8_t* put_region(uint8_t* at, const struct memory* memory) {
  uint32_t name_size = 0;
  while (name_size < NAME_MAX && memory->name[name_size] != '\0') ++name_size;
  at = put_field(at, XFP_FIELD_REGION, XFP_REGION_SIZE + name_size);
  store_le32(at, memory->geometry.address);
  store_le32(at + 4, memory->geometry.size);
  store_le32(at + 8, memory->geometry.erase_size);
  at[12] = (uint8_t)((memory->readable ? XFP_REGION_READABLE : 0) |
                     (memory->erasable ? XFP_REGION_ERASABLE : 0) |
                     (memory->writable ? XFP_REGION_WRITABLE : 0));
  memcpy(at + XFP_REGION_SIZE, memory->name, name_size);
  return at + XFP_REGION_SIZE + name_size;
}

static uint32_t put_capabilities(const struct xfp* xfp, uint8_t* bytes) {
  uint8_t* at = put_field(bytes, XFP_FIELD_UID, XFP_UID_SIZE);
  memcpy(at, xfp->uid, XFP_UID_SIZE);
  at = put_field(at + XFP_UID_SIZE, XFP_FIELD_SLOTS, 1);
  *at++ = XFP_SLOTS;
  for (uint8_t i = 0; i < xfp->memories_count; ++i) at = put_region(at, &xfp->memories[i]);
  return (uint32_t)(at - bytes);
}

/* --- the memories */

/* The memory that holds all of [address, address + size), which is not empty. Differences, not
 * sums: an address near the top of 32 bits would wrap. */
static const struct memory* memory_of(const struct xfp* xfp, uint32_t address, uint32_t size) {
  for (uint8_t i = 0; i < xfp->memories_count; ++i) {
    const struct memory_geometry* geometry = &xfp->memories[i].geometry;
    uint32_t offset = address - geometry->address;
    if (address < geometry->address || offset >= geometry->size) continue;
    if (size > 0 && size <= geometry->size - offset) return &xfp->memories[i];
  }
  return NULL;
}

static uint32_t now_us(const struct xfp* xfp) {
  return xfp->clock->now_us(xfp->clock->self);
}

/* How an operation of the chip stands. A chip that has said when to ask again is not disturbed. */
static struct memory_progress ask_chip(struct xfp* xfp, const struct memory* memory) {
  uint32_t now = now_us(xfp);
  if (now - xfp->waited_from_us < xfp->wait_us) {
    return (struct memory_progress){MEMORY_BUSY, DFU_OK, xfp->wait_us};
  }
  struct memory_progress progress = memory->poll(memory->self);
  xfp->waited_from_us = now;
  xfp->wait_us = progress.state == MEMORY_BUSY ? progress.poll_in_us : 0;
  return progress;
}

/* --- jobs */

static void end_job(struct xfp* xfp, enum dfu_status status) {
  xfp->job.status = status;
  xfp->job.state = status == DFU_OK ? XFP_JOB_DONE : XFP_JOB_FAILED;
}

static uint32_t block_left(const struct xfp_job* job) {
  uint32_t size = job->memory->geometry.erase_size;
  return size - (job->address - job->memory->geometry.address) % size;
}

/* The block at job->address is done with. */
static void next_block(struct xfp* xfp, bool skipped) {
  struct xfp_job* job = &xfp->job;
  uint32_t left = block_left(job);
  uint32_t part = job->total - job->done < left ? job->total - job->done : left;
  job->done += part;
  if (skipped) job->skipped += part;
  job->address += left;
  job->looked_to = 0;
  job->erasing = false;
  if (job->done == job->total) end_job(xfp, DFU_OK);
}

static bool is_blank(const uint8_t* bytes, uint32_t size) {
  for (uint32_t i = 0; i < size; ++i) {
    if (bytes[i] != 0xff) return false;
  }
  return true;
}

static void begin_erase_of_block(struct xfp* xfp) {
  struct xfp_job* job = &xfp->job;
  job->erasing = true;
  xfp->wait_us = 0;
  const struct memory_geometry* geometry = &job->memory->geometry;
  uint32_t into = (job->address - geometry->address) % geometry->erase_size;
  job->memory->erase(job->memory->self, job->address - into, geometry->erase_size);
}

/* Of a block that is to be erased: all of it is looked at, also what lies outside of the range. The
 * reply's room is free, for a job runs between answers. */
static void look_at_block(struct xfp* xfp) {
  struct xfp_job* job = &xfp->job;
  const struct memory_geometry* geometry = &job->memory->geometry;
  uint32_t into = (job->address - geometry->address) % geometry->erase_size;
  uint32_t at = job->address - into + job->looked_to;
  uint32_t left = geometry->erase_size - job->looked_to;
  uint32_t part = left < LOOK_SIZE ? left : LOOK_SIZE;
  enum dfu_status status = job->memory->read(job->memory->self, at, payload_of(xfp->reply), part);
  if (status != DFU_OK) {
    end_job(xfp, status);
  } else if (!is_blank(payload_of(xfp->reply), part)) {
    begin_erase_of_block(xfp);
  } else if (left == part) {
    next_block(xfp, true);
  } else {
    job->looked_to += part;
  }
}

static void step_erase(struct xfp* xfp) {
  struct xfp_job* job = &xfp->job;
  if (job->erasing) {
    struct memory_progress progress = ask_chip(xfp, job->memory);
    if (progress.state == MEMORY_FAILED) {
      job->erasing = false;
      end_job(xfp, progress.status);
    } else if (progress.state == MEMORY_IDLE) {
      next_block(xfp, false);
    }
  } else if (job->force) {
    begin_erase_of_block(xfp);
  } else {
    look_at_block(xfp);
  }
}

static void step_hash(struct xfp* xfp) {
  struct xfp_job* job = &xfp->job;
  uint32_t left = job->total - job->done;
  uint32_t part = left < LOOK_SIZE ? left : LOOK_SIZE;
  enum dfu_status status =
      job->memory->read(job->memory->self, job->address, payload_of(xfp->reply), part);
  if (status != DFU_OK) {
    end_job(xfp, status);
    return;
  }
  sha256_update(&job->hash, payload_of(xfp->reply), part);
  job->address += part;
  job->done += part;
  if (job->done < job->total) return;
  sha256_end(&job->hash, job->digest);
  end_job(xfp, DFU_OK);
}

static enum dfu_status begin_job(struct xfp* xfp, enum xfp_op op, const uint8_t* frame) {
  uint32_t size_due = op == XFP_ERASE ? 8 : 4;
  if (load_le16(frame + XFP_AT_SIZE) != size_due) return DFU_ERR_TARGET;
  uint32_t address = load_le32(frame + XFP_AT_ADDRESS);
  uint32_t size = load_le32(frame + XFP_HEADER_SIZE);
  const struct memory* memory = memory_of(xfp, address, size);
  if (memory == NULL) return DFU_ERR_ADDRESS;
  if (op == XFP_ERASE && !memory->erasable) return DFU_ERR_WRITE;
  if (!memory->readable) return DFU_ERR_TARGET;
  xfp->job = (struct xfp_job){
      .state = XFP_JOB_RUNNING, .op = op, .memory = memory, .address = address, .total = size};
  if (op == XFP_HASH) {
    sha256_begin(&xfp->job.hash);
  } else {
    xfp->job.force = (load_le32(frame + XFP_HEADER_SIZE + 4) & XFP_ERASE_FORCE) != 0;
  }
  return DFU_OK;
}

static uint32_t put_job(const struct xfp* xfp, uint8_t* bytes) {
  const struct xfp_job* job = &xfp->job;
  memset(bytes, 0, XFP_JOB_SIZE);
  bytes[XFP_JOB_AT_STATE] = (uint8_t)job->state;
  if (job->state == XFP_JOB_NONE) return XFP_JOB_SIZE;
  bytes[XFP_JOB_AT_OP] = (uint8_t)job->op;
  bytes[XFP_JOB_AT_STATUS] = (uint8_t)job->status;
  store_le32(bytes + XFP_JOB_AT_DONE, job->done);
  store_le32(bytes + XFP_JOB_AT_TOTAL, job->total);
  store_le32(bytes + XFP_JOB_AT_SKIPPED, job->skipped);
  uint32_t poll_us = job->state == XFP_JOB_RUNNING && job->erasing ? xfp->wait_us : 0;
  store_le32(bytes + XFP_JOB_AT_POLL_MS, (poll_us + 999) / 1000);
  if (job->op != XFP_HASH || job->state != XFP_JOB_DONE) return XFP_JOB_SIZE;
  memcpy(bytes + XFP_JOB_SIZE, job->digest, SHA256_SIZE);
  return XFP_JOB_SIZE + SHA256_SIZE;
}

/* --- requests */

static void begin_write(struct xfp* xfp) {
  const uint8_t* frame = xfp->slots[xfp->first].bytes;
  uint32_t address = load_le32(frame + XFP_AT_ADDRESS);
  uint32_t size = load_le16(frame + XFP_AT_SIZE);
  const struct memory* memory = memory_of(xfp, address, size);
  enum dfu_status status = DFU_OK;
  if (xfp->write_failed) {
    status = DFU_ERR_NOTDONE;
  } else if (memory == NULL) {
    status = DFU_ERR_ADDRESS;
  } else if (!memory->writable) {
    status = DFU_ERR_WRITE;
  } else if ((address - memory->geometry.address) % memory->geometry.write_size != 0 ||
             size % memory->geometry.write_size != 0) {
    status = DFU_ERR_ADDRESS;
  }
  if (status != DFU_OK) {
    xfp->write_failed = true;
    answer_first(xfp, (uint8_t)status, 0);
    return;
  }
  xfp->writing = true;
  xfp->writer = memory;
  xfp->wait_us = 0;
  memory->write(memory->self, address, frame + XFP_HEADER_SIZE, size);
}

static void step_write(struct xfp* xfp) {
  struct memory_progress progress = ask_chip(xfp, xfp->writer);
  if (progress.state == MEMORY_BUSY) return;
  xfp->writing = false;
  if (progress.state == MEMORY_FAILED) xfp->write_failed = true;
  answer_first(xfp, progress.state == MEMORY_FAILED ? (uint8_t)progress.status : XFP_OK, 0);
}

static void answer_read(struct xfp* xfp, const uint8_t* frame) {
  uint32_t address = load_le32(frame + XFP_AT_ADDRESS);
  bool is_right = load_le16(frame + XFP_AT_SIZE) == 4;
  uint32_t size = is_right ? load_le32(frame + XFP_HEADER_SIZE) : 0;
  const struct memory* memory = size <= XFP_PAYLOAD_MAX ? memory_of(xfp, address, size) : NULL;
  enum dfu_status status = DFU_ERR_ADDRESS;
  if (memory != NULL && memory->readable) {
    status = memory->read(memory->self, address, payload_of(xfp->reply), size);
  }
  answer_first(xfp, (uint8_t)status, status == DFU_OK ? size : 0);
}

/* What the chip does goes on; nobody waits for it any more. */
static void leave_to_chip(struct xfp* xfp) {
  struct xfp_job* job = &xfp->job;
  if (xfp->writing) {
    xfp->draining = xfp->writer;
    xfp->draining_slot = true;
    xfp->writing = false;
  } else if (job->state == XFP_JOB_RUNNING && job->erasing) {
    xfp->draining = job->memory;
  }
  job->state = XFP_JOB_NONE;
}

static void step_drain(struct xfp* xfp) {
  if (ask_chip(xfp, xfp->draining).state == MEMORY_BUSY) return;
  xfp->draining = NULL;
  if (xfp->draining_slot) free_first(xfp);
  xfp->draining_slot = false;
}

/* A new session: nothing of the one before is of any meaning. */
static void begin_session(struct xfp* xfp) {
  const uint8_t* frame = xfp->slots[xfp->first].bytes;
  xfp->session = load_le32(frame + XFP_AT_SESSION);
  xfp->sequence = 1;
  xfp->write_failed = false;
  leave_to_chip(xfp);
  answer_first(xfp, XFP_OK, put_capabilities(xfp, payload_of(xfp->reply)));
}

/* Says so once, and is deaf until the host begins anew. */
static void lose(struct xfp* xfp) {
  uint32_t session = xfp->session;
  xfp->session = 0;
  free_first(xfp);
  if (session != 0) answer(xfp, session, xfp->sequence, XFP_HELLO, XFP_LOST, 0, 0);
}

/* Whether the first request is one to execute now; if not, it has been dealt with. */
static bool accept_first(struct xfp* xfp) {
  const struct xfp_slot* slot = &xfp->slots[xfp->first];
  if (!is_whole(slot)) {
    lose(xfp);
    return false;
  }
  uint32_t session = load_le32(slot->bytes + XFP_AT_SESSION);
  uint32_t sequence = load_le32(slot->bytes + XFP_AT_SEQUENCE);
  if (slot->bytes[XFP_AT_OP] == XFP_HELLO && session != 0 && sequence == 0) {
    begin_session(xfp);
    return false;
  }
  if (session != xfp->session || session == 0) {
    free_first(xfp); /* of a session that is over */
    return false;
  }
  if (sequence != xfp->sequence) {
    lose(xfp);
    return false;
  }
  return true;
}

static void execute_first(struct xfp* xfp) {
  const uint8_t* frame = xfp->slots[xfp->first].bytes;
  enum xfp_op op = (enum xfp_op)frame[XFP_AT_OP];
  bool needs_chip = op != XFP_STATUS;
  bool chip_is_free = xfp->job.state != XFP_JOB_RUNNING && !xfp->chip_lent && xfp->draining == NULL;
  if (needs_chip && !chip_is_free) return;
  ++xfp->sequence;
  switch (op) {
    case XFP_ERASE:
    case XFP_HASH:
      answer_first(xfp, (uint8_t)begin_job(xfp, op, frame), 0);
      break;
    case XFP_WRITE:
      begin_write(xfp);
      break;
    case XFP_STATUS:
      answer_first(xfp, XFP_OK, put_job(xfp, payload_of(xfp->reply)));
      break;
    case XFP_READ:
      answer_read(xfp, frame);
      break;
    default:
      answer_first(xfp, DFU_ERR_TARGET, 0);
      break;
  }
}

static void receive_next(struct xfp* xfp) {
  if (!xfp->open || xfp->receiving || xfp->count == XFP_SLOTS) return;
  struct xfp_slot* slot = &xfp->slots[(xfp->first + xfp->count) % XFP_SLOTS];
  xfp->receiving = usb_endpoint_receive(xfp->usb, XFP_ENDPOINT, slot->bytes, XFP_ROOM);
}

bool xfp_has_chip(const struct xfp* xfp) {
  return xfp->writing || xfp->draining != NULL ||
         (xfp->job.state == XFP_JOB_RUNNING && xfp->job.erasing);
}

uint32_t xfp_poll(struct xfp* xfp) {
  receive_next(xfp);
  if (!xfp->open && !xfp_has_chip(xfp)) return UINT32_MAX;
  if (xfp->draining != NULL) step_drain(xfp);
  /* One answer at a time: its bytes are on their way. */
  if (!xfp->sending) {
    if (xfp->writing) {
      step_write(xfp);
    } else if (xfp->count > 0 && !xfp->draining_slot && accept_first(xfp)) {
      execute_first(xfp);
    }
  }
  bool job_runs = xfp->job.state == XFP_JOB_RUNNING;
  if (job_runs && !xfp->sending && !xfp->chip_lent) {
    if (xfp->job.op == XFP_ERASE) {
      step_erase(xfp);
    } else {
      step_hash(xfp);
    }
  }
  receive_next(xfp);
  if (xfp->sending) return UINT32_MAX;
  if (xfp_has_chip(xfp)) {
    uint32_t since = now_us(xfp) - xfp->waited_from_us;
    return since < xfp->wait_us ? xfp->wait_us - since : 0;
  }
  bool has_work = xfp->job.state == XFP_JOB_RUNNING || xfp->count > 0;
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
  xfp->count = xfp->draining_slot ? 1 : 0;
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
  xfp->slots[(xfp->first + xfp->count) % XFP_SLOTS].size = size;
  ++xfp->count;
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
