#include "target_fw/core/dfu.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/bytes.h"
#include "target_fw/core/stale.h"

/* First byte of a download of block 0: a command of DfuSe. */
enum { COMMAND_GET_COMMANDS = 0x00, COMMAND_SET_POINTER = 0x21, COMMAND_ERASE = 0x41 };

/* Blocks before this one are commands, or reserved. */
#define FIRST_BLOCK 2

/* --- from one state to another */

static void become_idle(struct dfu* dfu) {
  flash_job_drop(&dfu->job);
  dfu->manifested = false;
  dfu->status = DFU_OK;
  dfu->state = DFU_IDLE;
}

static void select_memory(struct dfu* dfu, uint8_t alternate) {
  become_idle(dfu);
  dfu->alternate = alternate;
  dfu->job.stale = STALE_ALL; /* XFP may have been at work */
  /* A host of DFU 1.1 proper sets no pointer: its download begins where the memory does. */
  dfu->job.pointer = dfu->memories[alternate].geometry.address;
}

/* The first error is what the host must learn, whatever comes until CLRSTATUS. */
static void fail(struct dfu* dfu, enum dfu_status status) {
  flash_job_drop(&dfu->job);
  dfu->manifested = false;
  if (dfu->state != DFU_ERROR) dfu->status = status;
  dfu->state = DFU_ERROR;
}

void dfu_init(struct dfu* dfu, const struct clock_port* clock, const struct memory* memories,
              uint8_t memories_count, const struct dfu_leave* leave) {
  dfu->clock = clock;
  dfu->memories = memories;
  dfu->memories_count = memories_count;
  dfu->leave = leave;
  dfu->block = 0;
  flash_job_init(&dfu->job, clock, memories, memories_count, leave == NULL ? NULL : leave->voucher);
  select_memory(dfu, 0);
}

/* --- what the requests do */

static enum usb_answer unexpected(struct dfu* dfu, const struct usb_setup* setup,
                                  struct usb_stage* stage) {
  (void)setup, (void)stage;
  fail(dfu, DFU_ERR_STALLEDPKT);
  return USB_STALL;
}

/* Outside DFU mode an unexpected request is no error of a download (A.2.1, A.2.2). */
static enum usb_answer unexpected_in_app(struct dfu* dfu, const struct usb_setup* setup,
                                         struct usb_stage* stage) {
  (void)setup, (void)stage;
  dfu->state = DFU_APP_IDLE;
  return USB_STALL;
}

static enum usb_answer detach(struct dfu* dfu, const struct usb_setup* setup,
                              struct usb_stage* stage) {
  (void)setup, (void)stage;
  dfu->state = DFU_APP_DETACH;
  return USB_OK;
}

static enum usb_answer download(struct dfu* dfu, const struct usb_setup* setup,
                                struct usb_stage* stage) {
  if (setup->length > DFU_BLOCK_MAX) return unexpected(dfu, setup, stage);
  if (setup->length == 0) {
    /* DFU 1.1 has nothing to manifest in dfuIDLE (A.2.3). DfuSe hosts leave from there: dfu-util
     * aborts to dfuIDLE first. Without firmware to start it stays an error. */
    if (dfu->state == DFU_IDLE && dfu->leave == NULL) return unexpected(dfu, setup, stage);
    dfu->manifested = false;
    dfu->state = DFU_MANIFEST_SYNC;
    return USB_OK;
  }
  dfu->block = setup->value;
  stage->receive = flash_job_block(&dfu->job);
  return USB_OK;
}

/* The address of a block: blocks are DFU_BLOCK_MAX apart, however long the request is. False: it is
 * beyond 32 bits. */
static bool block_address(const struct dfu* dfu, uint16_t block, uint32_t* address) {
  uint32_t offset = (uint32_t)(block - FIRST_BLOCK) * DFU_BLOCK_MAX;
  *address = dfu->job.pointer + offset;
  return offset <= UINT32_MAX - dfu->job.pointer;
}

static enum usb_answer upload_ends(struct dfu* dfu, const struct usb_setup* setup,
                                   struct usb_stage* stage, uint32_t size) {
  stage->send = flash_job_block(&dfu->job);
  stage->size = size;
  /* A short answer is the end of the file (A.2.3, A.2.10). */
  dfu->state = size < setup->length ? DFU_IDLE : DFU_UPLOAD_IDLE;
  return USB_OK;
}

static enum usb_answer upload_commands(struct dfu* dfu, const struct usb_setup* setup,
                                       struct usb_stage* stage) {
  static const uint8_t commands[] = {COMMAND_GET_COMMANDS, COMMAND_SET_POINTER, COMMAND_ERASE};
  uint32_t size = setup->length < sizeof commands ? setup->length : (uint32_t)sizeof commands;
  memcpy(flash_job_block(&dfu->job), commands, size);
  return upload_ends(dfu, setup, stage, size);
}

static enum usb_answer refuse_upload(struct dfu* dfu, enum dfu_status status) {
  fail(dfu, status);
  return USB_STALL;
}

static enum usb_answer upload(struct dfu* dfu, const struct usb_setup* setup,
                              struct usb_stage* stage) {
  if (setup->length > DFU_BLOCK_MAX) return unexpected(dfu, setup, stage);
  if (setup->value == 0) return upload_commands(dfu, setup, stage);
  const struct memory* memory = &dfu->memories[dfu->alternate];
  if (setup->value < FIRST_BLOCK || !memory->readable) return refuse_upload(dfu, DFU_ERR_TARGET);
  uint32_t address;
  if (!block_address(dfu, setup->value, &address) || address < memory->geometry.address ||
      address - memory->geometry.address > memory->geometry.size) {
    return refuse_upload(dfu, DFU_ERR_ADDRESS);
  }
  uint32_t left = memory->geometry.size - (address - memory->geometry.address);
  uint32_t size = setup->length < left ? setup->length : left;
  if (size > 0) {
    /* What was dropped may still run. */
    if (dfu->job.chip_busy || dfu->job.chip_lent) return USB_LATER;
    enum dfu_status status = stale_restart(&dfu->job.stale, dfu->memories, dfu->alternate);
    if (status == DFU_OK) {
      status = memory->read(memory->self, address, flash_job_block(&dfu->job), size);
    }
    if (status != DFU_OK) return refuse_upload(dfu, status);
  }
  return upload_ends(dfu, setup, stage, size);
}

static enum usb_answer clear_status(struct dfu* dfu, const struct usb_setup* setup,
                                    struct usb_stage* stage) {
  if (setup->length != 0) return unexpected(dfu, setup, stage);
  become_idle(dfu);
  return USB_OK;
}

static enum usb_answer abort_to_idle(struct dfu* dfu, const struct usb_setup* setup,
                                     struct usb_stage* stage) {
  return clear_status(dfu, setup, stage);
}

static enum usb_answer get_state(struct dfu* dfu, const struct usb_setup* setup,
                                 struct usb_stage* stage) {
  (void)setup;
  dfu->reply[0] = (uint8_t)dfu->state;
  stage->send = dfu->reply;
  stage->size = 1;
  return USB_OK;
}

/* --- GETSTATUS, which is what makes a download go on */

static uint32_t poll_timeout_ms(const struct dfu* dfu) {
  uint32_t ms = flash_job_remaining_ms(&dfu->job);
  /* dfu-util takes exactly 100 ms for a mass erase as the lie of an old ROM and waits 35 s. */
  if (ms == 100 && dfu->job.order.action == FLASH_ERASE_ALL) ms = 101;
  return ms < 0xffffff ? ms : 0xffffff;
}

/* The first answer after a block is always dfuDNBUSY, even if there is nothing to wait for: DfuSe
 * hosts insist on it. The one after that tells how it went. */
static uint32_t sync_download(struct dfu* dfu) {
  if (dfu->job.phase == FLASH_ACCEPTED) {
    uint32_t ms = poll_timeout_ms(dfu);
    flash_job_start(&dfu->job);
    dfu->state = DFU_DNBUSY;
    return ms;
  }
  enum dfu_status result = dfu->job.result;
  if (result != DFU_OK) {
    fail(dfu, result);
  } else {
    flash_job_drop(&dfu->job);
    dfu->state = DFU_DNLOAD_IDLE;
  }
  return 0;
}

/* What XFP has begun takes as long as it takes: a chip erase may be minutes. */
#define LENT_CHIP_MS 50u

static uint32_t sync_manifest(struct dfu* dfu) {
  if (dfu->manifested) {
    become_idle(dfu);
    return 0;
  }
  /* What was dropped may still run in the chip, and nothing can be read from it or started there.
   */
  uint32_t chip_ms = dfu->job.chip_lent ? LENT_CHIP_MS : flash_job_chip_ms(&dfu->job);
  if (chip_ms != 0) return chip_ms;
  enum dfu_status status = DFU_OK;
  if (dfu->leave != NULL) status = dfu->leave->check(dfu->leave->self, dfu->job.pointer);
  if (status != DFU_OK) {
    fail(dfu, status);
    return 0;
  }
  dfu->state = DFU_MANIFEST;
  dfu->manifest_us = dfu->clock->now_us(dfu->clock->self);
  return dfu->leave != NULL ? DFU_LEAVE_MS : 1;
}

static enum usb_answer get_status(struct dfu* dfu, const struct usb_setup* setup,
                                  struct usb_stage* stage) {
  (void)setup;
  uint32_t timeout_ms = 0;
  if (dfu->state == DFU_DNLOAD_SYNC) {
    timeout_ms = sync_download(dfu);
  } else if (dfu->state == DFU_DNBUSY) {
    timeout_ms = poll_timeout_ms(dfu);
  } else if (dfu->state == DFU_MANIFEST_SYNC) {
    timeout_ms = sync_manifest(dfu);
  }
  dfu->reply[0] = (uint8_t)dfu->status;
  store_le24(dfu->reply + 1, timeout_ms);
  dfu->reply[4] = (uint8_t)dfu->state;
  dfu->reply[5] = dfu->status == DFU_OK ? 0 : (uint8_t)(DFU_STATUS_STRING | dfu->status);
  stage->send = dfu->reply;
  stage->size = DFU_STATUS_SIZE;
  return USB_OK;
}

/* --- the table of DFU 1.1, A.2 */

typedef enum usb_answer request_function(struct dfu* dfu, const struct usb_setup* setup,
                                         struct usb_stage* stage);

/* Two deliberate differences from the specification. GETSTATUS and GETSTATE are answered in
 * dfuDNBUSY, dfuMANIFEST and dfuMANIFEST-WAIT-RESET, where it has the device stall: a host that
 * asks early learns how long it still takes instead of losing the download. The first two states
 * are those of an application; this firmware is never in them, the rows keep the table whole. */
static request_function* const requests[DFU_STATES][DFU_REQUESTS] = {
#define NO unexpected
#define APP unexpected_in_app
    /* clang-format off */
    /*                     DETACH  DNLOAD    UPLOAD  GETSTATUS   CLRSTATUS     GETSTATE   ABORT */
    [DFU_APP_IDLE]      = {detach, APP,      APP,    get_status, APP,          get_state, APP},
    [DFU_APP_DETACH]    = {APP,    APP,      APP,    get_status, APP,          get_state, APP},
    [DFU_IDLE]          = {NO,     download, upload, get_status, NO,           get_state,
                           abort_to_idle},
    [DFU_DNLOAD_SYNC]   = {NO,     NO,       NO,     get_status, NO,           get_state,
                           abort_to_idle},
    [DFU_DNBUSY]        = {NO,     NO,       NO,     get_status, NO,           get_state, NO},
    [DFU_DNLOAD_IDLE]   = {NO,     download, NO,     get_status, NO,           get_state,
                           abort_to_idle},
    [DFU_MANIFEST_SYNC] = {NO,     NO,       NO,     get_status, NO,           get_state,
                           abort_to_idle},
    [DFU_MANIFEST]      = {NO,     NO,       NO,     get_status, NO,           get_state, NO},
    [DFU_MANIFEST_WAIT_RESET] =
                          {NO,     NO,       NO,     get_status, NO,           get_state, NO},
    [DFU_UPLOAD_IDLE]   = {NO,     NO,       upload, get_status, NO,           get_state,
                           abort_to_idle},
    [DFU_ERROR]         = {NO,     NO,       NO,     get_status, clear_status, get_state, NO},
/* clang-format on */
#undef NO
#undef APP
};

static bool is_read(uint8_t request) {
  return request == DFU_UPLOAD || request == DFU_GETSTATUS || request == DFU_GETSTATE;
}

static enum usb_answer on_setup(void* self, const struct usb_setup* setup,
                                struct usb_stage* stage) {
  struct dfu* dfu = self;
  dfu_poll(dfu); /* the answer must be of now */
  bool has_in = (setup->request_type & USB_IN) != 0;
  if (setup->request >= DFU_REQUESTS || has_in != is_read(setup->request)) {
    return unexpected(dfu, setup, stage);
  }
  return requests[dfu->state][setup->request](dfu, setup, stage);
}

/* --- the bytes of a download */

static void parse_command(const uint8_t* bytes, uint16_t size, struct flash_order* order) {
  if (size == 5 && (bytes[0] == COMMAND_SET_POINTER || bytes[0] == COMMAND_ERASE)) {
    order->action = bytes[0] == COMMAND_ERASE ? FLASH_ERASE : FLASH_SET_POINTER;
    order->address = load_le32(bytes + 1);
  } else if (size == 1 && bytes[0] == COMMAND_ERASE) {
    order->action = FLASH_ERASE_ALL;
  }
}

static enum usb_answer on_received(void* self, const struct usb_setup* setup) {
  struct dfu* dfu = self;
  /* Also for blocks that mean nothing here: 1, which is reserved, and commands such as 0x92, to
   * lift a read protection that these memories do not have. */
  struct flash_order order = {
      .action = FLASH_REFUSE, .memory = dfu->alternate, .refusal = DFU_ERR_TARGET};
  if (dfu->block == 0) {
    parse_command(flash_job_block(&dfu->job), setup->length, &order);
  } else if (dfu->block >= FIRST_BLOCK) {
    order.size = setup->length;
    if (block_address(dfu, dfu->block, &order.address)) {
      order.action = FLASH_WRITE;
    } else {
      order.refusal = DFU_ERR_ADDRESS;
    }
  }
  flash_job_accept(&dfu->job, &order);
  dfu->state = DFU_DNLOAD_SYNC;
  return USB_OK;
}

/* --- the rest of the interface */

static void on_select(void* self, uint8_t alternate) {
  select_memory(self, alternate);
}

static void on_reset(void* self) {
  struct dfu* dfu = self;
  /* The host was told that the firmware starts, and the reset is how DFU 1.1 has it start (A.2.9).
   */
  if (dfu->leave != NULL && (dfu->state == DFU_MANIFEST || dfu->state == DFU_MANIFEST_WAIT_RESET)) {
    dfu->state = DFU_MANIFEST_WAIT_RESET;
    return;
  }
  select_memory(dfu, 0);
}

struct usb_interface dfu_interface(struct dfu* dfu) {
  return (struct usb_interface){
      .self = dfu,
      .alternates = dfu->memories_count,
      .setup = on_setup,
      .received = on_received,
      .select = on_select,
      .reset = on_reset,
  };
}

/* dfuMANIFEST ends by itself: without firmware to start at once, else when the host has surely read
 * the answer that announces it. */
static uint32_t poll_manifest(struct dfu* dfu) {
  if (dfu->leave == NULL) {
    dfu->manifested = true;
    dfu->state = DFU_MANIFEST_SYNC;
    return UINT32_MAX;
  }
  uint32_t elapsed_us = dfu->clock->now_us(dfu->clock->self) - dfu->manifest_us;
  if (elapsed_us < DFU_LEAVE_MS * 1000) return DFU_LEAVE_MS * 1000 - elapsed_us;
  dfu->state = DFU_MANIFEST_WAIT_RESET;
  return 0;
}

uint32_t dfu_poll(struct dfu* dfu) {
  uint32_t wait_us = flash_job_poll(&dfu->job);
  if (dfu->state == DFU_DNBUSY && dfu->job.phase == FLASH_DONE) dfu->state = DFU_DNLOAD_SYNC;
  if (dfu->state == DFU_MANIFEST) {
    uint32_t manifest_us = poll_manifest(dfu);
    if (manifest_us < wait_us) wait_us = manifest_us;
  }
  return wait_us;
}

bool dfu_is_leaving(const struct dfu* dfu) {
  return dfu->state == DFU_MANIFEST_WAIT_RESET && dfu->leave != NULL;
}

void dfu_stay(struct dfu* dfu) {
  select_memory(dfu, 0);
}
