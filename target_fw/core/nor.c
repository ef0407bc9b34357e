#include "target_fw/core/nor.h"

#include <string.h>

#include "target_fw/core/blank.h"
#include "target_fw/core/nor_bus.h"

_Static_assert((int)FLASH_TRACE_ERASE_SIZES_MAX == (int)SFDP_ERASE_TYPES_MAX,
               "all sizes are traced");

/* The pages of a layout are the largest blocks of a chip up to here. */
#define LAYOUT_BLOCK_MAX (64u * 1024)

/* The first look comes a little before the time that the step usually takes, then one follows every
 * 1/128 of it: what the last one comes late is lost on every page. Without the early one, nothing
 * would ever be seen to take less than is expected, and what is expected would grow by the time of
 * a look with each step. */
#define EARLY_PARTS 16u
#define SHORT_STEPS 128u
#define SHORT_STEP_MIN_US 1u
#define SHORT_STEP_MAX_US 20000u
/* A page is looked at again and again for so long, 55 us for the slowest parts: on a Cortex-M4 the
 * way round the main loop takes longer than a look, and the next page would start later by that. */
#define STARE_PARTS 16u

static struct nor* nor_of(void* self) {
  return (struct nor*)self;
}

static uint32_t now_us(const struct nor* nor) {
  return nor->config.clock->now_us(nor->config.clock->self);
}

static void fail(struct nor* nor, enum dfu_status status) {
  nor->state = MEMORY_FAILED;
  nor->status = status;
}

/* The chip no longer does what we think: the next operation looks for it first. */
static void lose(struct nor* nor) {
  nor->lost = true;
  fail(nor, DFU_ERR_VENDOR);
}

/* The longest that a step may take: 1.5 times what the part promises. */
static uint64_t limit_us(const struct nor* nor) {
  const uint64_t max_us = nor->operation == NOR_WRITE ? nor->part.page_max_us
                          : nor->operation == NOR_ERASE_ALL
                              ? nor->part.chip_erase_max_ms * (uint64_t)1000
                              : nor->erase_type->max_ms * (uint64_t)1000;
  return max_us + max_us / 2;
}

/* Ready to be written, and write-enabled. Of a write this is seen once: the bits do not change
 * between its pages, each of which the chip has said to be done with. */
static bool prepare_step(struct nor* nor) {
  uint8_t status = 0;
  if (!nor_send(nor, NOR_CMD_WRITE_ENABLE)) {
    lose(nor);
    return false;
  }
  if (nor->operation == NOR_WRITE && nor->step_size > 0) return true;
  if (!nor_read_status(nor, NOR_CMD_READ_STATUS, NOR_STATUS_WRITE_ENABLED, &status) ||
      (status & NOR_STATUS_BUSY) != 0) {
    lose(nor);
    return false;
  }
  const bool is_protected = (status & nor->traits->protected_bits) != 0;
  if (is_protected || (status & NOR_STATUS_WRITE_ENABLED) == 0) {
    nor->lift_protection = is_protected;
    nor_send(nor, NOR_CMD_WRITE_DISABLE);
    fail(nor, DFU_ERR_WRITE);
    return false;
  }
  return true;
}

/* Of `left` bytes, up to the end of the page, or of our buffer. */
static uint32_t page_bytes(const struct nor* nor, uint32_t at, uint32_t left) {
  const uint32_t page = nor->part.page_size < SFDP_SIZE_MAX ? nor->part.page_size : SFDP_SIZE_MAX;
  const uint32_t room = page - at % page;
  return left < room ? left : room;
}

static void advance(struct nor* nor, uint32_t size) {
  nor->write_at += size;
  nor->write_bytes += size;
  nor->write_left -= size;
}

/* Programming 0xFF changes nothing. */
static void skip_blank_pages(struct nor* nor) {
  while (nor->write_left > 0) {
    const uint32_t size = page_bytes(nor, nor->write_at, nor->write_left);
    if (!is_blank(nor->write_bytes, size)) return;
    advance(nor, size);
    nor->next_packed = false;
  }
}

static bool send_page(struct nor* nor) {
  struct nor_page* page = &nor->pages[nor->page];
  nor->step_size = page_bytes(nor, nor->write_at, nor->write_left);
  if (!nor->next_packed) nor_pack(nor, page, nor->write_at, nor->write_bytes, nor->step_size);
  return nor_program(nor, page);
}

/* While the chip works on the one before. */
static void pack_next(struct nor* nor) {
  const uint32_t at = nor->write_at + nor->step_size;
  const uint32_t left = nor->write_left - nor->step_size;
  nor->page ^= 1;
  nor->next_packed = left > 0;
  if (left > 0) {
    nor_pack(nor, &nor->pages[nor->page], at, nor->write_bytes + nor->step_size,
             page_bytes(nor, at, left));
  }
}

static void begin_step(struct nor* nor) {
  nor->looked_us = now_us(nor);
  nor->elapsed_us = 0;
  if (!prepare_step(nor)) return;
  bool sent = false;
  switch (nor->operation) {
    case NOR_ERASE:
      sent = nor_erase_at(nor, nor->write_at);
      break;
    case NOR_ERASE_ALL:
      sent = nor_send(nor, NOR_CMD_CHIP_ERASE);
      break;
    case NOR_WRITE:
      sent = send_page(nor);
      if (sent) pack_next(nor);
      break;
    case NOR_NO_OPERATION:
      break;
  }
  if (!sent) lose(nor);
}

/* The geometry was promised: another chip than before is none. */
static bool find_again(struct nor* nor) {
  return !nor->lost || nor_connect(nor) == DFU_OK;
}

/* Protection is for the program that runs in the field; here it stands in the way. Found again, the
 * chip has lost it, or its write-protect pin holds it: then the operation fails once more. */
static void begin_unprotected(struct nor* nor) {
  nor->state = MEMORY_BUSY;
  nor->status = DFU_OK;
  nor->lost = true;
  if (find_again(nor)) {
    begin_step(nor);
  } else {
    fail(nor, DFU_ERR_VENDOR);
  }
}

static void begin(struct nor* nor, enum nor_operation operation, uint32_t at) {
  nor->operation = operation;
  nor->state = MEMORY_BUSY;
  nor->status = DFU_OK;
  nor->write_at = at;
  nor->lift_protection = false;
  if (!find_again(nor)) {
    fail(nor, DFU_ERR_VENDOR);
    return;
  }
  begin_step(nor);
  if (nor->lift_protection) begin_unprotected(nor);
}

/* The largest that fits; the smallest always does. */
static const struct sfdp_erase_type* fitting_type(const struct nor* nor, uint32_t at,
                                                  uint32_t size) {
  const struct sfdp_erase_type* type = &nor->part.erase_types[0];
  for (uint32_t i = 1; i < nor->part.erase_types_count; i++) {
    const struct sfdp_erase_type* larger = &nor->part.erase_types[i];
    if (larger->size <= size && at % larger->size == 0) type = larger;
  }
  return type;
}

static uint32_t erase(void* self, uint32_t address, uint32_t size) {
  struct nor* nor = nor_of(self);
  const uint32_t at = address - nor->config.address;
  nor->erase_type = fitting_type(nor, at, size);
  begin(nor, NOR_ERASE, at);
  return nor->erase_type->size;
}

static void erase_all(void* self) {
  begin(nor_of(self), NOR_ERASE_ALL, 0);
}

static void write(void* self, uint32_t address, const uint8_t* bytes, uint32_t size) {
  struct nor* nor = nor_of(self);
  nor->write_bytes = bytes;
  nor->write_left = size;
  nor->write_at = address - nor->config.address;
  nor->step_size = 0;
  nor->next_packed = false;
  skip_blank_pages(nor);
  if (nor->write_left == 0) {
    nor->state = MEMORY_IDLE;
    return;
  }
  begin(nor, NOR_WRITE, nor->write_at);
}

/* A chip that has taken a command is no longer write-enabled. Of some, with several dies in one
 * package, each must be erased by itself: what erases a single one they ignore. */
static enum dfu_status outcome_of_erase_all(struct nor* nor) {
  uint8_t status = 0;
  if (!nor_read_status(nor, NOR_CMD_READ_STATUS, 0, &status)) {
    nor->lost = true;
    return DFU_ERR_VENDOR;
  }
  if ((status & NOR_STATUS_WRITE_ENABLED) == 0) return DFU_OK;
  if (!nor_send(nor, NOR_CMD_WRITE_DISABLE)) nor->lost = true;
  return DFU_ERR_ERASE;
}

/* What the chip says of an operation that it has ended. */
static enum dfu_status outcome(struct nor* nor) {
  const struct nor_traits* traits = nor->traits;
  uint8_t flags = nor->flags;
  if (traits->flags == 0) return DFU_OK;
  if (!nor->flags_read && !nor_read_status(nor, traits->flags, 0, &flags)) {
    nor->lost = true;
    return DFU_ERR_VENDOR;
  }
  const uint8_t failed =
      nor->operation == NOR_WRITE ? traits->program_failed : traits->erase_failed;
  if ((flags & (failed | traits->refused)) == 0) return DFU_OK;
  /* A Micron part stays write-enabled after a failure: Linux micron-st.c. */
  if (traits->flags_clear != 0 &&
      (!nor_send(nor, traits->flags_clear) || !nor_send(nor, NOR_CMD_WRITE_DISABLE))) {
    nor->lost = true;
  }
  if ((flags & traits->refused) != 0) return DFU_ERR_WRITE;
  return nor->operation == NOR_WRITE ? DFU_ERR_PROG : DFU_ERR_ERASE;
}

/* What the step that runs takes on average. */
static uint32_t* average_of_step(struct nor* nor) {
  if (nor->operation == NOR_WRITE) return &nor->page_us;
  if (nor->operation == NOR_ERASE_ALL) return &nor->erase_all_us;
  return &nor->erase_us[nor->erase_type - nor->part.erase_types];
}

static void trace_step(struct nor* nor) {
  struct flash_trace* trace = &nor->trace;
  if (nor->operation == NOR_WRITE) {
    flash_trace_program(trace, nor->write_at, nor->elapsed_us);
  } else if (nor->operation == NOR_ERASE) {
    flash_trace_erase(trace, nor->write_at, nor->erase_type->size, nor->elapsed_us);
  } else {
    flash_trace_erase_all(trace, nor->elapsed_us);
  }
}

/* A step has ended well: what it took counts for a quarter of what the next is expected to take. */
static void end_step(struct nor* nor) {
  uint32_t* average_us = average_of_step(nor);
  *average_us = (uint32_t)(*average_us - *average_us / 4 + nor->elapsed_us / 4);
  trace_step(nor);
  if (nor->operation == NOR_WRITE) {
    advance(nor, nor->step_size);
    skip_blank_pages(nor);
    if (nor->write_left > 0) {
      begin_step(nor);
      return;
    }
  }
  nor->state = MEMORY_IDLE;
}

static void count_time(struct nor* nor) {
  const uint32_t now = now_us(nor);
  nor->elapsed_us += now - nor->looked_us;
  nor->looked_us = now;
}

static void look(struct nor* nor) {
  bool busy = false;
  count_time(nor);
  if (!nor_read_busy(nor, &busy)) {
    /* prepare_step() saw no protection bit, so these are lines that nobody drives. */
    lose(nor);
  } else if (!busy) {
    enum dfu_status ended = outcome(nor);
    if (ended == DFU_OK && nor->operation == NOR_ERASE_ALL) ended = outcome_of_erase_all(nor);
    if (ended == DFU_OK) {
      end_step(nor);
    } else {
      fail(nor, ended);
    }
  } else if (nor->elapsed_us > limit_us(nor)) {
    lose(nor);
  }
}

static void stare(struct nor* nor) {
  const uint32_t at = nor->write_at;
  const uint32_t began_us = now_us(nor);
  while (nor->state == MEMORY_BUSY && nor->write_at == at &&
         now_us(nor) - began_us < nor->page_us / STARE_PARTS) {
    look(nor);
  }
}

static uint32_t poll_in_us(struct nor* nor) {
  const uint32_t expected_us = *average_of_step(nor);
  const uint32_t early_us = expected_us - expected_us / EARLY_PARTS;
  if (nor->elapsed_us < early_us) return early_us - (uint32_t)nor->elapsed_us;
  const uint32_t step_us = expected_us / SHORT_STEPS;
  return step_us < SHORT_STEP_MIN_US   ? SHORT_STEP_MIN_US
         : step_us > SHORT_STEP_MAX_US ? SHORT_STEP_MAX_US
                                       : step_us;
}

static struct memory_progress poll(void* self) {
  struct nor* nor = nor_of(self);
  if (nor->state == MEMORY_BUSY) look(nor);
  if (nor->operation == NOR_WRITE) stare(nor);
  struct memory_progress progress = {nor->state, DFU_OK, 0};
  if (nor->state == MEMORY_FAILED) progress.status = nor->status;
  if (nor->state == MEMORY_BUSY) {
    count_time(nor); /* the look itself, or sending the next page */
    progress.poll_in_us = poll_in_us(nor);
  }
  return progress;
}

/* Whether a read would meet what runs: the chip answers nonsense in a bank that it works on. */
static bool is_worked_on(const struct nor* nor, uint32_t at, uint32_t size) {
  const uint32_t bank = nor->memory.geometry.bank_size;
  if (nor->state != MEMORY_BUSY || size == 0) return false;
  if (nor->operation == NOR_ERASE_ALL) return true;
  const uint32_t worked_size =
      nor->operation == NOR_ERASE ? nor->erase_type->size : nor->write_left;
  const uint32_t first = nor->write_at / bank;
  const uint32_t last = (nor->write_at + worked_size - 1) / bank;
  return (at + size - 1) / bank >= first && at / bank <= last;
}

static bool may_read(struct nor* nor, uint32_t at, uint32_t size) {
  nor->read_status = is_worked_on(nor, at, size) ? DFU_ERR_ADDRESS
                     : find_again(nor)           ? DFU_OK
                                                 : DFU_ERR_VENDOR;
  return nor->read_status == DFU_OK;
}

static void begin_read(void* self, uint32_t address, uint8_t* bytes, uint32_t size) {
  struct nor* nor = nor_of(self);
  const uint32_t at = address - nor->config.address;
  if (may_read(nor, at, size)) nor_begin_read_array(nor, at, bytes, size);
}

static enum dfu_status end_read(void* self) {
  struct nor* nor = nor_of(self);
  if (nor->read_status != DFU_OK || nor_end_read_array(nor)) return nor->read_status;
  nor->lost = true;
  return DFU_ERR_VENDOR;
}

static enum dfu_status read(void* self, uint32_t address, uint8_t* bytes, uint32_t size) {
  begin_read(self, address, bytes, size);
  return end_read(self);
}

static void begin_read_booted(void* self, uint32_t address, uint8_t* bytes, uint32_t size) {
  struct nor* nor = nor_of(self);
  const uint32_t at = address - nor->config.address;
  if (!may_read(nor, at, size) || nor_read_mapped(nor, at, bytes, size)) return;
  nor->lost = true;
  nor->read_status = DFU_ERR_VENDOR;
}

static enum dfu_status end_read_booted(void* self) {
  return nor_of(self)->read_status;
}

static enum dfu_status read_booted(void* self, uint32_t address, uint8_t* bytes, uint32_t size) {
  begin_read_booted(self, address, bytes, size);
  return end_read_booted(self);
}

static uint32_t in_ms(uint64_t us) {
  return (uint32_t)((us + 999) / 1000);
}

static enum dfu_status restart(void* self) {
  struct nor* nor = nor_of(self);
  nor->lost = true;
  return find_again(nor) ? DFU_OK : DFU_ERR_VENDOR;
}

static uint32_t erase_ms(void* self, uint32_t size) {
  const struct nor* nor = nor_of(self);
  const struct sfdp_erase_type* type = fitting_type(nor, 0, size);
  const uint64_t blocks = ((uint64_t)size + type->size - 1) / type->size;
  return in_ms(blocks * nor->erase_us[type - nor->part.erase_types]);
}

static uint32_t erase_all_ms(void* self) {
  return in_ms(nor_of(self)->erase_all_us);
}

static uint32_t write_ms(void* self, uint32_t size) {
  const struct nor* nor = nor_of(self);
  const uint64_t pages = ((uint64_t)size + nor->part.page_size - 1) / nor->part.page_size;
  return in_ms(pages * nor->page_us);
}

static void clear_trace(void* self) {
  flash_trace_clear(&nor_of(self)->trace);
}

/* Those of which a block has more than the core tells apart. */
static void drop_small_erases(struct sfdp_part* part, uint32_t block) {
  uint8_t dropped = 0;
  while (part->erase_types[dropped].size < block / MEMORY_PARTS_MAX) ++dropped;
  part->erase_types_count = (uint8_t)(part->erase_types_count - dropped);
  memmove(part->erase_types, part->erase_types + dropped,
          part->erase_types_count * sizeof part->erase_types[0]);
}

enum dfu_status nor_start(struct nor* nor, const struct nor_config* config) {
  memset(nor, 0, sizeof(*nor));
  nor->config = *config;
  const enum dfu_status status = nor_connect(nor);
  if (status != DFU_OK) return status;
  const uint32_t layout_block_max = config->bus->dual ? 2 * LAYOUT_BLOCK_MAX : LAYOUT_BLOCK_MAX;
  const uint32_t block = fitting_type(nor, 0, layout_block_max)->size;
  drop_small_erases(&nor->part, block);
  uint32_t erase_sizes[FLASH_TRACE_ERASE_SIZES_MAX] = {0};
  for (uint32_t i = 0; i < nor->part.erase_types_count; i++) {
    nor->erase_us[i] = nor->part.erase_types[i].typical_ms * 1000;
    erase_sizes[i] = nor->part.erase_types[i].size;
  }
  flash_trace_init(&nor->trace, nor->part.size, nor->part.page_size, erase_sizes);
  nor->erase_all_us = nor->part.chip_erase_typical_ms * 1000;
  nor->page_us = nor->part.page_typical_us;
  nor->memory = (struct memory){
      .self = nor,
      .name = config->name,
      .geometry = {.address = config->address,
                   .size = nor->part.size,
                   .erase_size = block,
                   .write_size = 1,
                   .erase_min = nor->part.erase_types[0].size,
                   .bank_size = nor->part.size / nor_banks(nor->id)},
      .readable = true,
      .erasable = true,
      .writable = true,
      .jedec_id = nor->id,
      .jedec_id_size = NOR_ID_SIZE,
      .erase = erase,
      .erase_all = erase_all,
      .write = write,
      .poll = poll,
      .read = read,
      .begin_read = begin_read,
      .end_read = end_read,
      .restart = restart,
      .erase_ms = erase_ms,
      .erase_all_ms = erase_all_ms,
      .write_ms = write_ms,
      .trace = &nor->trace,
      .clear_trace = clear_trace,
  };
  if (config->boot_hz == 0 || config->bus->read_mapped == NULL) return DFU_OK;
  nor->as_booted = nor->memory;
  nor->as_booted.read = read_booted;
  nor->as_booted.begin_read = begin_read_booted;
  nor->as_booted.end_read = end_read_booted;
  nor->memory.as_booted = &nor->as_booted;
  return DFU_OK;
}
