#include "target_fw/core/xfp_job.h"

#include <string.h>

#include "target_fw/core/blank.h"
#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"

/* --- the chip */

uint32_t chip_wait_left_us(const struct chip_wait* wait) {
  uint32_t since = wait->clock->now_us(wait->clock->self) - wait->from_us;
  return since < wait->wait_us ? wait->wait_us - since : 0;
}

struct memory_progress chip_ask(struct chip_wait* wait, const struct memory* memory) {
  uint32_t left = chip_wait_left_us(wait);
  if (left > 0) return (struct memory_progress){MEMORY_BUSY, DFU_OK, left};
  struct memory_progress progress = memory->poll(memory->self);
  wait->from_us = wait->clock->now_us(wait->clock->self);
  wait->wait_us = progress.state == MEMORY_BUSY ? progress.poll_in_us : 0;
  return progress;
}

static void end(struct xfp_job* job, enum dfu_status status) {
  job->status = status;
  job->state = status == DFU_OK ? XFP_JOB_DONE : XFP_JOB_FAILED;
}

/* --- erase */

static const struct memory_geometry* geometry_of(const struct xfp_job* job) {
  return &job->memory->geometry;
}

/* A bit of `dirty` stands for a smallest block. */
static uint32_t parts_of_block(const struct xfp_job* job) {
  return job->block / geometry_of(job)->erase_min;
}

static uint32_t bits(uint32_t count) {
  return count == MEMORY_PARTS_MAX ? UINT32_MAX : (1u << count) - 1;
}

static uint32_t count_bits(uint32_t value) {
  uint32_t count = 0;
  for (; value != 0; value &= value - 1) ++count;
  return count;
}

/* The block at job->address, as far as the job goes. */
static void enter_block(struct xfp_job* job) {
  uint32_t size = geometry_of(job)->erase_size;
  uint32_t left = job->total - job->done;
  uint32_t block = size - (job->address - geometry_of(job)->address) % size;
  job->block = block < left ? block : left;
  job->looked = 0;
  job->dirty = 0;
  job->planned = false;
}

static void leave_block(struct xfp_job* job) {
  job->done += job->block;
  job->address += job->block;
  if (job->done == job->total) {
    end(job, DFU_OK);
  } else {
    enter_block(job);
  }
}

static bool is_whole_block(const struct xfp_job* job) {
  return job->block == geometry_of(job)->erase_size;
}

/* Whether one erase of the block is no slower than one for each part of it that is not blank. */
static bool is_better_at_once(const struct xfp_job* job) {
  const struct memory* memory = job->memory;
  uint32_t part = geometry_of(job)->erase_min;
  return is_whole_block(job) && count_bits(job->dirty) * memory->erase_ms(memory->self, part) >=
                                    memory->erase_ms(memory->self, job->block);
}

static void plan_block(struct xfp_job* job) {
  uint32_t all = bits(parts_of_block(job));
  if (job->all || is_better_at_once(job)) job->dirty = all;
  job->skipped += count_bits(all & ~job->dirty) * geometry_of(job)->erase_min;
  job->planned = true;
}

/* One look at the block. False: it cannot be read. */
static bool look(struct xfp_job* job) {
  uint32_t part = geometry_of(job)->erase_min;
  uint32_t address = job->address + job->looked;
  if (job->ahead.address != address) {
    read_ahead_pause(&job->ahead);
    read_ahead_begin(&job->ahead, job->memory, address, job->total - job->done - job->looked, part);
  }
  uint32_t size = read_ahead_size(&job->ahead);
  enum dfu_status status = DFU_OK;
  const uint8_t* bytes = read_ahead_take(&job->ahead, &status);
  if (bytes == NULL && status != DFU_ERR_VERIFY) {
    end(job, status);
    return false;
  }
  if (bytes == NULL || !is_blank(bytes, size)) job->dirty |= 1u << (job->looked / part);
  job->looked += size;
  return true;
}

static void begin_erase(struct xfp_job* job, struct chip_wait* wait) {
  const struct memory* memory = job->memory;
  uint32_t part = geometry_of(job)->erase_min;
  uint32_t first = 0;
  while ((job->dirty >> first & 1) == 0) ++first;
  uint32_t after = first;
  while (after < parts_of_block(job) && (job->dirty >> after & 1) != 0) ++after;
  read_ahead_pause(&job->ahead);
  wait->wait_us = 0;
  job->erasing = true;
  job->erased = memory->erase(memory->self, job->address + first * part, (after - first) * part);
  uint32_t parts = (job->erased + part - 1) / part;
  job->dirty &= ~(bits(parts) << first);
}

static void begin_erase_all(struct xfp_job* job, struct chip_wait* wait) {
  read_ahead_pause(&job->ahead);
  wait->wait_us = 0;
  job->erasing = true;
  job->at_once = true;
  job->memory->erase_all(job->memory->self);
}

/* All of the memory is to be erased: erasing everything at once is faster than a third to a half of
 * its blocks (peers' figures and data sheets), so they are counted first. */
static void step_counting(struct xfp_job* job, struct chip_wait* wait) {
  const struct memory* memory = job->memory;
  uint32_t block = geometry_of(job)->erase_size;
  if (!job->all) {
    if (!look(job)) return;
    if (job->dirty != 0 || job->looked == job->block) {
      if (job->dirty != 0) ++job->dirty_blocks;
      leave_block(job);
    }
  }
  if (job->state == XFP_JOB_DONE && job->dirty_blocks == 0) {
    job->skipped = job->total;
    return;
  }
  uint32_t dirty_blocks = job->all ? job->total / block : job->dirty_blocks;
  bool at_once = (uint64_t)dirty_blocks * memory->erase_ms(memory->self, block) >
                 memory->erase_all_ms(memory->self);
  if (!at_once && !job->all && job->state == XFP_JOB_RUNNING) return;
  job->state = XFP_JOB_RUNNING;
  job->counting = false;
  job->address = geometry_of(job)->address;
  job->done = 0;
  enter_block(job);
  if (at_once) begin_erase_all(job, wait);
}

static void end_erase(struct xfp_job* job, const struct memory_progress* progress) {
  const bool has_failed = progress->state == MEMORY_FAILED;
  job->erasing = false;
  if (job->at_once && has_failed && progress->status == DFU_ERR_ERASE) {
    /* Some chips cannot, and others may have begun: each block by itself, whatever it reads as. */
    job->all = true;
  } else if (has_failed) {
    end(job, progress->status);
  } else if (job->at_once) {
    job->done = job->total;
    end(job, DFU_OK);
  }
  job->at_once = false;
}

static void step_erase(struct xfp_job* job, struct chip_wait* wait) {
  if (job->erasing) {
    struct memory_progress progress = chip_ask(wait, job->memory);
    if (progress.state != MEMORY_BUSY) end_erase(job, &progress);
    return;
  }
  if (job->counting) {
    step_counting(job, wait);
  } else if (!job->planned && (job->all || job->looked == job->block || is_better_at_once(job))) {
    plan_block(job);
  } else if (!job->planned) {
    look(job);
  } else if (job->dirty != 0) {
    begin_erase(job, wait);
  } else {
    leave_block(job);
  }
}

static void begin_erase_job(struct xfp_job* job, const uint8_t* header, uint32_t address,
                            uint32_t span) {
  uint32_t part = geometry_of(job)->erase_min;
  uint32_t offset = address - geometry_of(job)->address;
  uint32_t before = offset % part;
  job->address = address - before;
  /* Sizes near 4 GiB would wrap: what lies behind the last byte is counted instead. */
  uint32_t behind = (geometry_of(job)->size - (offset + span)) / part * part;
  job->total = geometry_of(job)->size - behind - (offset - before);
  job->all = header[XFP_AT_MODE] == XFP_ERASE_ALL;
  job->counting = job->total == geometry_of(job)->size;
  enter_block(job);
}

/* --- hash and digests */

/* The next bytes, *size of them, or NULL: they cannot be read. */
static const uint8_t* take_next(struct xfp_job* job, uint32_t* size, enum dfu_status* status) {
  *status = DFU_OK;
  *size = read_ahead_size(&job->ahead);
  const uint8_t* bytes = read_ahead_take(&job->ahead, status);
  job->address += *size;
  job->done += *size;
  return bytes;
}

static void step_hash(struct xfp_job* job) {
  uint32_t size = 0;
  enum dfu_status status = DFU_OK;
  const uint8_t* bytes = take_next(job, &size, &status);
  if (bytes == NULL) {
    end(job, status);
    return;
  }
  sha256_update(&job->hash, bytes, size);
  if (job->done < job->total) return;
  sha256_end(&job->hash, job->digest);
  end(job, DFU_OK);
}

/* Blocks end at multiples of their size. */
static uint32_t digests_of(const struct xfp_job* job) {
  uint32_t last = job->begin + (job->total - 1);
  return last / XFP_DIGEST_BLOCK - job->begin / XFP_DIGEST_BLOCK + 1;
}

static void step_digests(struct xfp_job* job) {
  uint32_t block = job->address / XFP_DIGEST_BLOCK;
  uint32_t* digest = &job->digests[block - job->begin / XFP_DIGEST_BLOCK];
  uint32_t size = 0;
  enum dfu_status status = DFU_OK;
  const uint8_t* bytes = take_next(job, &size, &status);
  if (bytes != NULL) {
    *digest = crc32c_update(*digest, bytes, size);
  } else if (status == DFU_ERR_VERIFY) {
    /* Cells that cannot be read are not those that the host wants: another digest says so. */
    *digest = ~*digest;
    read_ahead_begin(&job->ahead, job->memory, job->address, job->total - job->done,
                     READ_AHEAD_MAX);
  } else {
    end(job, status);
    return;
  }
  if (job->done == job->total) end(job, DFU_OK);
}

static enum dfu_status begin_hash(struct xfp_job* job, const uint8_t* header) {
  const uint8_t mode = header[XFP_AT_MODE];
  if (load_le32(header + XFP_AT_SIZE) != XFP_NONCE_SIZE) return DFU_ERR_TARGET;
  if (mode == XFP_HASH_AS_BOOTED && job->memory->as_booted != NULL) {
    job->memory = job->memory->as_booted;
  } else if (mode != XFP_HASH_AS_PROGRAMMED) {
    return DFU_ERR_TARGET;
  }
  memcpy(job->nonce, header + XFP_HEADER_SIZE, XFP_NONCE_SIZE);
  sha256_begin(&job->hash);
  return DFU_OK;
}

static enum dfu_status begin_digests(struct xfp_job* job) {
  if (digests_of(job) > XFP_DIGESTS_MAX) return DFU_ERR_ADDRESS;
  memset(job->digests, 0, sizeof job->digests);
  return DFU_OK;
}

/* --- what may not be read */

#define LOOK_SIZE 256u

static enum dfu_status check_blank(const struct memory* memory, uint32_t address, uint32_t size) {
  uint8_t bytes[LOOK_SIZE];
  while (size > 0) {
    uint32_t some = size < LOOK_SIZE ? size : LOOK_SIZE;
    enum dfu_status status = memory->read(memory->self, address, bytes, some);
    if (status != DFU_OK) return status;
    if (!is_blank(bytes, some)) return DFU_ERR_TARGET;
    address += some;
    size -= some;
  }
  return DFU_OK;
}

/* The hash of a few bytes tells what they are to who tries all. So of a memory that hides what it
 * holds only that is measured which has its erase blocks for itself. */
static enum dfu_status check_apart(const struct memory* memory, uint32_t address, uint32_t span) {
  if (memory->readable) return DFU_OK;
  uint32_t unit = memory->geometry.erase_min;
  uint32_t before = (address - memory->geometry.address) % unit;
  uint32_t behind = (unit - (before + span) % unit) % unit;
  enum dfu_status status = check_blank(memory, address - before, before);
  return status == DFU_OK ? check_blank(memory, address + span, behind) : status;
}

/* --- any job */

enum dfu_status xfp_job_begin(struct xfp_job* job, const uint8_t* header,
                              const struct memory* memory) {
  enum xfp_op op = (enum xfp_op)header[XFP_AT_OP];
  if (op == XFP_ERASE && !memory->erasable) return DFU_ERR_WRITE;
  uint32_t address = load_le32(header + XFP_AT_ADDRESS);
  uint32_t span = load_le32(header + XFP_AT_SPAN);
  job->state = XFP_JOB_RUNNING;
  job->op = op;
  job->status = DFU_OK;
  job->memory = memory;
  job->address = job->begin = address;
  job->total = span;
  job->done = job->skipped = job->dirty_blocks = 0;
  job->begun = job->erasing = job->counting = job->at_once = false;
  enum dfu_status status = DFU_OK;
  if (op == XFP_ERASE) {
    begin_erase_job(job, header, job->address, job->total);
  } else if (op == XFP_HASH) {
    status = begin_hash(job, header);
  } else {
    status = begin_digests(job);
  }
  read_ahead_begin(&job->ahead, job->memory, job->address, job->total, READ_AHEAD_MAX);
  if (status != DFU_OK) job->state = XFP_JOB_NONE;
  return status;
}

/* The chip is free for it. */
static void begin_on_chip(struct xfp_job* job) {
  const struct memory* memory = job->memory;
  enum dfu_status status = DFU_OK;
  job->begun = true;
  if (job->op != XFP_ERASE) status = check_apart(memory, job->begin, job->total);
  /* What is hashed comes out of the cells: not out of a buffer, nor out of a wrong mode. */
  if (status == DFU_OK && job->op == XFP_HASH) status = memory->restart(memory->self);
  if (status != DFU_OK) end(job, status);
}

void xfp_job_step(struct xfp_job* job, struct chip_wait* wait) {
  if (!job->begun) {
    begin_on_chip(job);
  } else if (job->op == XFP_ERASE) {
    step_erase(job, wait);
  } else if (job->op == XFP_HASH) {
    step_hash(job);
  } else {
    step_digests(job);
  }
}

bool xfp_job_leaves(const struct xfp_job* job, uint32_t address, uint32_t size) {
  const struct memory_geometry* geometry = geometry_of(job);
  if (job->op != XFP_DIGESTS || geometry->bank_size >= geometry->size) return false;
  uint32_t first = (address - geometry->address) / geometry->bank_size;
  uint32_t last = (address - geometry->address + (size - 1)) / geometry->bank_size;
  uint32_t first_read = (job->address - geometry->address) / geometry->bank_size;
  uint32_t end = job->begin - geometry->address + (job->total - 1);
  return last < first_read || end / geometry->bank_size < first;
}

void xfp_job_leave(struct xfp_job* job) {
  read_ahead_pause(&job->ahead);
  job->state = XFP_JOB_NONE;
}

/* Of an erase: when the block in the chip is done, and all that will surely follow it. */
static uint32_t erase_left_ms(const struct xfp_job* job, const struct chip_wait* wait) {
  const struct memory* memory = job->memory;
  uint32_t behind = job->total - job->done;
  uint32_t chip_ms = 0;
  if (job->erasing) {
    chip_ms = (chip_wait_left_us(wait) + 999) / 1000;
    uint32_t erased = job->at_once ? behind : job->erased;
    behind -= erased < behind ? erased : behind;
  }
  if (!job->all) return chip_ms;
  uint32_t blocks_ms = memory->erase_ms(memory->self, behind);
  if (!job->counting) return chip_ms + blocks_ms;
  uint32_t at_once_ms = memory->erase_all_ms(memory->self);
  return at_once_ms < blocks_ms ? at_once_ms : blocks_ms;
}

static uint32_t left_ms(const struct xfp_job* job, const struct chip_wait* wait,
                        uint32_t before_ms) {
  if (job->state == XFP_JOB_NONE) return before_ms;
  if (job->state != XFP_JOB_RUNNING) return 0;
  return before_ms + (job->op == XFP_ERASE ? erase_left_ms(job, wait) : 0);
}

uint32_t xfp_job_put(const struct xfp_job* job, const struct chip_wait* wait, uint32_t before_ms,
                     uint8_t* bytes) {
  memset(bytes, 0, XFP_JOB_SIZE);
  store_le32(bytes + XFP_JOB_AT_LEFT_MS, left_ms(job, wait, before_ms));
  if (job->state == XFP_JOB_NONE) {
    bytes[XFP_JOB_AT_STATE] = before_ms > 0 ? XFP_JOB_RUNNING : XFP_JOB_NONE;
    bytes[XFP_JOB_AT_OP] = before_ms > 0 ? XFP_HELLO : 0;
    return XFP_JOB_SIZE;
  }
  bytes[XFP_JOB_AT_STATE] = (uint8_t)job->state;
  bytes[XFP_JOB_AT_OP] = (uint8_t)job->op;
  bytes[XFP_JOB_AT_STATUS] = (uint8_t)job->status;
  store_le32(bytes + XFP_JOB_AT_DONE, job->counting ? 0 : job->done);
  store_le32(bytes + XFP_JOB_AT_TOTAL, job->total);
  store_le32(bytes + XFP_JOB_AT_SKIPPED, job->skipped);
  if (job->state != XFP_JOB_DONE || job->op != XFP_DIGESTS) return XFP_JOB_SIZE;
  uint32_t blocks = digests_of(job);
  for (uint32_t i = 0; i < blocks; ++i) {
    store_le32(bytes + XFP_JOB_SIZE + 4 * i, job->digests[i]);
  }
  return XFP_JOB_SIZE + 4 * blocks;
}
