#include "target_fw/mcu/stm32h7rs/flash.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/blank.h"
#include "target_fw/mcu/armv7m/armv7m.h"
#include "target_fw/mcu/stm32h7rs/registers.h"

#define ERRORS (FLASH_ISR_WRPERRF | FLASH_ISR_PGSERRF | FLASH_ISR_STRBERRF | FLASH_ISR_INCERRF)
#define PENDING (FLASH_SR_QW | FLASH_SR_BUSY | FLASH_SR_WBNE)
/* Looks at an operation that is waited for: several seconds, and no sector takes that. */
#define LOOKS 100000000u
/* More than any of them takes; the data sheet gives no maximum for a sector. */
#define LIMIT_US 5000000u
/* Of reads that flags of the flash spoil. */
#define TRIES 4u
/* What the host is told until something is known better: some 2 ms a sector, some 40 us a word. */
#define ERASE_MS 5u
#define WRITE_BYTES_IN_MS 256u

/* Code that runs while the flash does not answer. */
#define IN_RAM __attribute__((section(".ram_code"), noinline, long_call))

static void unlock(void) {
  if ((reg_read(FLASH_CR) & FLASH_CR_LOCK) == 0) return;
  reg_write(FLASH_KEYR, FLASH_KEY_1);
  reg_write(FLASH_KEYR, FLASH_KEY_2);
}

static void lock(void) {
  reg_set(FLASH_CR, FLASH_CR_LOCK);
}

IN_RAM static void wait_in_ram(void) {
  for (uint32_t i = 0; i < LOOKS; ++i) {
    if ((reg_read(FLASH_SR) & PENDING) == 0) return;
  }
}

IN_RAM static void erase_sector(uint32_t sector, bool waits) {
  if (waits) arm_mask_interrupts();
  reg_write(FLASH_CR, sector << FLASH_CR_SSN_AT | FLASH_CR_SER);
  reg_write(FLASH_CR, sector << FLASH_CR_SSN_AT | FLASH_CR_SER | FLASH_CR_START);
  arm_data_barrier();
  if (!waits) return;
  wait_in_ram();
  arm_unmask_interrupts();
}

/* The four parts of a word must come one after another. */
IN_RAM static void program_word(uint32_t address, const uint32_t* words, bool waits) {
  arm_mask_interrupts();
  reg_write(FLASH_CR, FLASH_CR_PG);
  arm_instruction_barrier();
  arm_data_barrier();
  for (uint32_t i = 0; i < FLASH_WORD / 4; ++i) reg_write(address + 4 * i, words[i]);
  arm_instruction_barrier();
  arm_data_barrier();
  if (waits) wait_in_ram();
  arm_unmask_interrupts();
}

/* --- one step */

static void begin_step(struct flash* flash) {
  flash->began_us = flash->clock->now_us(flash->clock->self);
  reg_write(FLASH_ICR, ERRORS | FLASH_ISR_EOPF);
  if (flash->operation == FLASH_ERASES) {
    erase_sector((flash->at - INTERNAL_FLASH) / FLASH_SECTOR, flash->runs_here);
  } else {
    uint32_t words[FLASH_WORD / 4];
    memcpy(words, flash->bytes, FLASH_WORD);
    program_word(flash->at, words, flash->runs_here);
  }
}

static void end(struct flash* flash, enum dfu_status status) {
  reg_write(FLASH_CR, 0);
  lock();
  flash->operation = FLASH_RESTS;
  flash->status = status;
  flash->state = status == DFU_OK ? MEMORY_IDLE : MEMORY_FAILED;
}

/* A word takes one program, and that of nothing would be it. A host that had no answer sends again
 * what was written. */
static bool needs_no_program(const struct flash* flash) {
  uint8_t held[FLASH_WORD];
  return is_blank(flash->bytes, FLASH_WORD) ||
         (flash_read(flash->at, held, FLASH_WORD) && memcmp(held, flash->bytes, FLASH_WORD) == 0);
}

static void skip_words(struct flash* flash) {
  while (flash->operation == FLASH_PROGRAMS && flash->at < flash->end && needs_no_program(flash)) {
    flash->at += FLASH_WORD;
    flash->bytes += FLASH_WORD;
  }
}

static void begin(struct flash* flash, enum flash_operation operation, uint32_t address,
                  uint32_t size) {
  flash->operation = operation;
  flash->at = address;
  flash->end = address + size;
  flash->state = MEMORY_BUSY;
  unlock();
  skip_words(flash);
  if (flash->at == flash->end) {
    end(flash, DFU_OK);
  } else {
    begin_step(flash);
  }
}

static enum dfu_status error_of(const struct flash* flash, uint32_t flags) {
  if ((flags & FLASH_ISR_WRPERRF) != 0) return DFU_ERR_WRITE;
  return flash->operation == FLASH_ERASES ? DFU_ERR_ERASE : DFU_ERR_PROG;
}

static void step_ended(struct flash* flash) {
  const uint32_t flags = reg_read(FLASH_ISR);
  if ((flags & ERRORS) != 0) {
    reg_write(FLASH_ICR, ERRORS);
    end(flash, error_of(flash, flags));
    return;
  }
  if (flash->operation == FLASH_ERASES) {
    flash->at += FLASH_SECTOR;
  } else {
    flash->at += FLASH_WORD;
    flash->bytes += FLASH_WORD;
    skip_words(flash);
  }
  if (flash->at == flash->end) {
    end(flash, DFU_OK);
  } else {
    begin_step(flash);
  }
}

/* --- struct memory */

static uint32_t memory_erase(void* self, uint32_t address, uint32_t size) {
  (void)size;
  begin(self, FLASH_ERASES, address, FLASH_SECTOR);
  return FLASH_SECTOR;
}

static void memory_erase_all(void* self) {
  struct flash* flash = self;
  const struct memory_geometry* geometry = &flash->memory.geometry;
  begin(flash, FLASH_ERASES, geometry->address, geometry->size);
}

static void memory_write(void* self, uint32_t address, const uint8_t* bytes, uint32_t size) {
  struct flash* flash = self;
  flash->bytes = bytes;
  begin(flash, FLASH_PROGRAMS, address, size);
}

static struct memory_progress memory_poll(void* self) {
  struct flash* flash = self;
  if (flash->state == MEMORY_BUSY) {
    if ((reg_read(FLASH_SR) & PENDING) == 0) {
      step_ended(flash);
    } else if (flash->clock->now_us(flash->clock->self) - flash->began_us > LIMIT_US) {
      end(flash, DFU_ERR_VENDOR);
    }
  }
  struct memory_progress progress = {flash->state, DFU_OK, 0};
  if (flash->state == MEMORY_FAILED) progress.status = flash->status;
  if (flash->operation == FLASH_ERASES) progress.poll_in_us = 100;
  return progress;
}

static void memory_begin_read(void* self, uint32_t address, uint8_t* bytes, uint32_t size) {
  struct flash* flash = self;
  /* It has one bank. */
  flash->read_status = flash->state == MEMORY_BUSY        ? DFU_ERR_ADDRESS
                       : flash_read(address, bytes, size) ? DFU_OK
                                                          : DFU_ERR_VERIFY;
}

static enum dfu_status memory_end_read(void* self) {
  const struct flash* flash = self;
  return flash->read_status;
}

static enum dfu_status memory_read(void* self, uint32_t address, uint8_t* bytes, uint32_t size) {
  memory_begin_read(self, address, bytes, size);
  return memory_end_read(self);
}

/* Nothing is between the cells and what is read: the MPU keeps this flash out of the caches. */
static enum dfu_status memory_restart(void* self) {
  (void)self;
  return DFU_OK;
}

static uint32_t memory_erase_ms(void* self, uint32_t size) {
  (void)self;
  return (size + FLASH_SECTOR - 1) / FLASH_SECTOR * ERASE_MS;
}

static uint32_t memory_erase_all_ms(void* self) {
  const struct flash* flash = self;
  return memory_erase_ms(self, flash->memory.geometry.size);
}

static uint32_t memory_write_ms(void* self, uint32_t size) {
  (void)self;
  return (size + WRITE_BYTES_IN_MS - 1) / WRITE_BYTES_IN_MS;
}

void flash_start(struct flash* flash, const struct clock_port* clock, uint32_t address,
                 uint32_t size, bool runs_here) {
  memset(flash, 0, sizeof *flash);
  flash->clock = clock;
  flash->runs_here = runs_here;
  flash->memory = (struct memory){
      .self = flash,
      .name = "Internal Flash",
      .geometry = {.address = address,
                   .size = size,
                   .erase_size = FLASH_SECTOR,
                   .write_size = FLASH_WORD,
                   .erase_min = FLASH_SECTOR,
                   .bank_size = size},
      .readable = true,
      .erasable = true,
      .writable = true,
      .erase = memory_erase,
      .erase_all = memory_erase_all,
      .write = memory_write,
      .poll = memory_poll,
      .read = memory_read,
      .begin_read = memory_begin_read,
      .end_read = memory_end_read,
      .restart = memory_restart,
      .erase_ms = memory_erase_ms,
      .erase_all_ms = memory_erase_all_ms,
      .write_ms = memory_write_ms,
  };
}

/* --- for the boot */

/* A word whose checksum is wrong ends the read with a bus fault. With faults masked and told to be
 * ignored, the read goes on, and the flash remembers. It does so, too, of a word that the CPU
 * fetched ahead: that is not in the way when this one is read again. */
bool flash_read(uint32_t address, uint8_t* bytes, uint32_t size) {
  uint32_t tries = TRIES;
  bool good = true;
  arm_mask_faults();
  reg_set(ARM_CCR, ARM_CCR_BFHFNMIGN);
  arm_data_barrier();
  reg_write(FLASH_ICR, FLASH_ISR_DBECCERRF);
  while (size > 0 && good) {
    const uint32_t left = FLASH_WORD - address % FLASH_WORD;
    const uint32_t part = left < size ? left : size;
    for (uint32_t i = 0; i < part; ++i) bytes[i] = reg_read8(address + i);
    arm_data_barrier();
    good = (reg_read(FLASH_ISR) & FLASH_ISR_DBECCERRF) == 0;
    if (!good && tries-- > 0) {
      reg_write(FLASH_ICR, FLASH_ISR_DBECCERRF);
      good = true;
      continue;
    }
    address += part;
    bytes += part;
    size -= part;
  }
  reg_write(FLASH_ICR, FLASH_ISR_DBECCERRF);
  reg_clear(ARM_CCR, ARM_CCR_BFHFNMIGN);
  arm_data_barrier();
  arm_unmask_faults();
  return good;
}

bool flash_program(uint32_t address, const uint8_t bytes[FLASH_WORD]) {
  uint32_t words[FLASH_WORD / 4];
  memcpy(words, bytes, FLASH_WORD);
  reg_write(FLASH_ICR, ERRORS | FLASH_ISR_EOPF);
  unlock();
  program_word(address, words, true);
  const bool ended = (reg_read(FLASH_SR) & PENDING) == 0;
  const uint32_t flags = reg_read(FLASH_ISR);
  reg_write(FLASH_ICR, ERRORS);
  reg_write(FLASH_CR, 0);
  lock();
  return ended && (flags & ERRORS) == 0;
}
