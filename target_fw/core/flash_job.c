#include "target_fw/core/flash_job.h"

#include <stddef.h>

#include "target_fw/core/stale.h"

void flash_job_init(struct flash_job* job, const struct clock_port* clock,
                    const struct memory* memories, uint8_t memories_count,
                    const struct flash_voucher* voucher) {
  job->clock = clock;
  job->memories = memories;
  job->memories_count = memories_count;
  job->voucher = voucher;
  job->phase = FLASH_NONE;
  job->result = DFU_OK;
  job->pointer = 0;
  job->chip_lent = false;
  job->chip_busy = false;
  job->voucher_state = VOUCHER_STAYS;
  job->free_block = 0;
}

uint8_t* flash_job_block(struct flash_job* job) {
  return job->blocks[job->free_block];
}

void flash_job_accept(struct flash_job* job, const struct flash_order* order) {
  job->order = *order;
  job->phase = FLASH_ACCEPTED;
  job->result = DFU_OK;
  job->voucher_state = VOUCHER_STAYS;
}

void flash_job_start(struct flash_job* job) {
  if (job->phase == FLASH_ACCEPTED) job->phase = FLASH_WAITING;
}

void flash_job_drop(struct flash_job* job) {
  job->phase = FLASH_NONE;
  job->result = DFU_OK;
  job->voucher_state = VOUCHER_STAYS;
}

static uint32_t now_us(const struct flash_job* job) {
  return job->clock->now_us(job->clock->self);
}

static void end(struct flash_job* job, enum dfu_status result) {
  job->phase = FLASH_DONE;
  job->result = result;
}

/* Of what is before it the difference wraps, and is larger than any memory. */
static bool lies_in(uint32_t address, uint32_t begin, uint32_t size) {
  return address - begin < size;
}

/* Whether the memory may do it: the promise of memory.h. Differences, not sums, because an address
 * near the top of 32 bits would wrap. */
static enum dfu_status check(const struct flash_order* order, const struct memory* memory) {
  const struct memory_geometry* geometry = &memory->geometry;
  bool is_write = order->action == FLASH_WRITE;
  if (is_write ? !memory->writable : !memory->erasable) return DFU_ERR_WRITE;
  if (order->action == FLASH_ERASE_ALL) return DFU_OK;
  uint32_t offset = order->address - geometry->address;
  if (!lies_in(order->address, geometry->address, geometry->size)) return DFU_ERR_ADDRESS;
  if (!is_write) return DFU_OK;
  if (order->size > geometry->size - offset) return DFU_ERR_ADDRESS;
  if (offset % geometry->write_size != 0 || order->size % geometry->write_size != 0) {
    return DFU_ERR_ADDRESS;
  }
  return DFU_OK;
}

static uint32_t expected_ms(const struct flash_order* order, const struct memory* memory) {
  switch (order->action) {
    case FLASH_ERASE:
      return memory->erase_ms(memory->self, memory->geometry.erase_size);
    case FLASH_ERASE_ALL:
      return memory->erase_all_ms(memory->self);
    case FLASH_WRITE:
      return memory->write_ms(memory->self, order->size);
    default:
      return 0;
  }
}

static void take_chip(struct flash_job* job, uint8_t memory, uint32_t expected) {
  job->stale = STALE_ALL;
  job->chip_busy = true;
  job->busy_memory = memory;
  job->expected_ms = expected;
  job->began_us = job->polled_us = now_us(job);
  job->poll_in_us = 0;
}

/* The one that holds `address`. */
static uint32_t block_of(const struct memory* memory, uint32_t address) {
  return address - (address - memory->geometry.address) % memory->geometry.erase_size;
}

/* True: what vouches for some of it is erased first, or cannot be. */
static bool ends_voucher(struct flash_job* job, const struct memory* memory) {
  const struct memory_geometry* geometry = &memory->geometry;
  uint32_t address = geometry->address;
  uint32_t size = geometry->size;
  uint32_t at;
  if (job->voucher == NULL || job->order.action == FLASH_WRITE) return false;
  if (job->order.action == FLASH_ERASE) {
    address = block_of(memory, job->order.address);
    size = geometry->erase_size;
  }
  if (!job->voucher->find(job->voucher->self, address, size, &at)) return false;
  if (lies_in(at, address, size)) return false;
  if (job->voucher_state == VOUCHER_HAS_GONE) {
    end(job, DFU_ERR_ERASE); /* the chip says so, and there it is */
    return true;
  }
  for (uint8_t i = 0; i < job->memories_count; ++i) {
    const struct memory* other = &job->memories[i];
    if (!lies_in(at, other->geometry.address, other->geometry.size)) continue;
    job->voucher_state = VOUCHER_GOES;
    size = other->geometry.erase_size;
    take_chip(job, i, other->erase_ms(other->self, size));
    other->erase(other->self, block_of(other, at), size);
    return true;
  }
  return false;
}

static void run_on_chip(struct flash_job* job, const struct memory* memory) {
  const struct flash_order* order = &job->order;
  enum dfu_status status = check(order, memory);
  if (status != DFU_OK) {
    end(job, status);
    return;
  }
  if (ends_voucher(job, memory)) return;
  job->phase = FLASH_RUNNING;
  take_chip(job, order->memory, expected_ms(order, memory));
  if (order->action == FLASH_WRITE) {
    const uint8_t* bytes = flash_job_block(job);
    job->free_block ^= 1;
    memory->write(memory->self, order->address, bytes, order->size);
  } else if (order->action == FLASH_ERASE) {
    memory->erase(memory->self, block_of(memory, order->address), memory->geometry.erase_size);
  } else {
    memory->erase_all(memory->self);
  }
}

static void begin(struct flash_job* job) {
  switch (job->order.action) {
    case FLASH_SET_POINTER:
      job->pointer = job->order.address;
      end(job, DFU_OK);
      break;
    case FLASH_REFUSE:
      end(job, job->order.refusal);
      break;
    default:
      run_on_chip(job, &job->memories[job->order.memory]);
      break;
  }
}

static bool needs_chip(const struct flash_order* order) {
  return order->action != FLASH_SET_POINTER && order->action != FLASH_REFUSE;
}

static void poll_chip(struct flash_job* job) {
  uint32_t now = now_us(job);
  /* A request of the host is no reason to disturb a chip that has said when to ask again. */
  if (now - job->polled_us < job->poll_in_us) return;
  const struct memory* memory = &job->memories[job->busy_memory];
  struct memory_progress progress = memory->poll(memory->self);
  job->polled_us = now;
  job->poll_in_us = progress.poll_in_us;
  if (progress.state == MEMORY_BUSY) return;
  job->chip_busy = false;
  if (job->voucher_state == VOUCHER_GOES) {
    job->voucher_state = VOUCHER_HAS_GONE;
    if (progress.state == MEMORY_FAILED) end(job, progress.status);
    return;
  }
  if (job->phase != FLASH_RUNNING) return;
  end(job, progress.state == MEMORY_FAILED ? progress.status : DFU_OK);
}

uint32_t flash_job_poll(struct flash_job* job) {
  if (job->chip_busy) poll_chip(job);
  bool chip_taken = job->chip_busy || job->chip_lent;
  if (job->phase == FLASH_WAITING && !(chip_taken && needs_chip(&job->order))) {
    begin(job);
    if (job->phase == FLASH_RUNNING) poll_chip(job);
  }
  if (!job->chip_busy) return UINT32_MAX;
  uint32_t since = now_us(job) - job->polled_us;
  return since < job->poll_in_us ? job->poll_in_us - since : 0;
}

uint32_t flash_job_chip_ms(const struct flash_job* job) {
  if (!job->chip_busy) return 0;
  uint32_t elapsed_ms = (now_us(job) - job->began_us) / 1000;
  /* Never 0: a hundred such answers in a row, and dfu-util gives the device up as stuck. */
  if (elapsed_ms < job->expected_ms) return job->expected_ms - elapsed_ms;
  /* It takes longer than it should. Asking each millisecond for a minute helps nobody; an eighth
   * of the expected time loses little. */
  return job->expected_ms / 8 + 1;
}

uint32_t flash_job_remaining_ms(const struct flash_job* job) {
  uint32_t before = flash_job_chip_ms(job);
  switch (job->phase) {
    case FLASH_RUNNING:
      return before;
    case FLASH_ACCEPTED:
    case FLASH_WAITING: {
      if (!needs_chip(&job->order)) return 0;
      uint32_t own = expected_ms(&job->order, &job->memories[job->order.memory]);
      return before + (own == 0 ? 1 : own);
    }
    default:
      return 0;
  }
}
