#include "target_fw/mcu/an500/chip.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/mcu/an500/shared.h"

/* W25Q128JV in SPI mode: what the driver knows of it stands in core/nor_parts.c, for its SFDP reads
 * blank here. It is faster than the real one, by which the driver waits, but for an erase of all,
 * which nobody is too late to see: idle seconds of this machine go by in a moment. */
#define CHIP_SIZE (16u << 20)
#define PAGE_SIZE 256u
#define PAGE_US 200u
#define SECTOR_US 20000u
#define BLOCK_US 60000u
#define CHIP_US 200000000u

/* The cells: most of them behind what is shared in the machine's 16 MiB, the rest where the machine
 * has another 2 MiB. */
#define CELLS_ADDRESS (SHARED_ADDRESS + SHARED_SIZE)
#define CELLS_SIZE (CHIP_SIZE - SHARED_SIZE)
#define CELLS_REST 0x20200000u

enum {
  WRITE_STATUS = 0x01,
  PROGRAM = 0x02,
  READ_STATUS = 0x05,
  WRITE_ENABLE = 0x06,
  FAST_READ = 0x0b,
  ERASE_4K = 0x20,
  READ_STATUS_2 = 0x35,
  ERASE_32K = 0x52,
  READ_SFDP = 0x5a,
  RESET_ENABLE = 0x66,
  RESET = 0x99,
  READ_ID = 0x9f,
  WAKE_UP = 0xab,
  ERASE_CHIP = 0xc7,
  ERASE_64K = 0xd8,
};
#define STATUS_BUSY 1u
#define STATUS_WRITE_ENABLED 2u

static const uint8_t id[3] = {0xef, 0x40, 0x18};

static uint8_t* cell(uint32_t at) {
  return at < CELLS_SIZE ? (uint8_t*)(CELLS_ADDRESS + at)
                         : (uint8_t*)(CELLS_REST + (at - CELLS_SIZE));
}

static bool is_busy(struct chip* chip) {
  if (chip->busy && chip->clock->now_us(chip->clock->self) - chip->since_us >= chip->for_us) {
    chip->busy = false;
  }
  return chip->busy;
}

static void begin(struct chip* chip, uint32_t for_us) {
  chip->busy = true;
  chip->write_enabled = false;
  chip->since_us = chip->clock->now_us(chip->clock->self);
  chip->for_us = for_us;
}

static void erase(struct chip* chip, uint32_t at, uint32_t size, uint32_t for_us) {
  at &= ~(size - 1);
  for (uint32_t i = 0; i < size; i += 4) *(uint32_t*)(void*)cell(at + i) = 0xffffffffu;
  begin(chip, for_us);
}

/* Bits only go from 1 to 0, and an address runs round its page. */
static void program(struct chip* chip, const struct xspi_command* command) {
  uint32_t page = command->address & ~(PAGE_SIZE - 1);
  for (uint32_t i = 0; i < command->size; ++i) {
    uint8_t* at = cell(page + (command->address + i) % PAGE_SIZE);
    *at = *at & command->write[i];
  }
  begin(chip, PAGE_US);
}

static void read_out(const struct xspi_command* command, const uint8_t* from, uint32_t size) {
  for (uint32_t i = 0; i < command->size; ++i) command->read[i] = from[i % size];
}

static void read_cells(const struct xspi_command* command) {
  uint32_t at = command->address;
  uint32_t done = 0;
  while (done < command->size) {
    uint32_t some = command->size - done;
    uint32_t left = at < CELLS_SIZE ? CELLS_SIZE - at : CHIP_SIZE - at;
    if (some > left) some = left;
    memcpy(command->read + done, cell(at), some);
    done += some;
    at = (at + some) % CHIP_SIZE;
  }
}

/* What changes cells; without a write enable it is ignored, as the real one does. */
static void change(struct chip* chip, const struct xspi_command* command) {
  if (!chip->write_enabled) {
    ++chip->mistakes;
    return;
  }
  switch (command->instruction) {
    case PROGRAM:
      program(chip, command);
      break;
    case ERASE_4K:
      erase(chip, command->address, 4096, SECTOR_US);
      break;
    case ERASE_32K:
      erase(chip, command->address, 32768, BLOCK_US);
      break;
    case ERASE_64K:
      erase(chip, command->address, 65536, BLOCK_US);
      break;
    case ERASE_CHIP:
      erase(chip, 0, CHIP_SIZE, CHIP_US);
      break;
    default:
      begin(chip, PAGE_US); /* a status register: nothing in it is of use here */
      break;
  }
}

static bool has_form(const struct xspi_command* command, uint8_t address, uint8_t dummies) {
  bool lanes = command->instruction_phase.lanes == XSPI_1 && command->instruction_size == 1 &&
               command->address_phase.lanes == (address == 0 ? XSPI_NONE : XSPI_1) &&
               command->data_phase.lanes <= XSPI_1 && !command->data_phase.ddr;
  return lanes && command->dummy_cycles == dummies && (address == 0 || command->address_size == 3);
}

/* False, and counted: a command that the chip does not know in this form, or while it is busy. */
static bool execute(struct chip* chip, const struct xspi_command* command) {
  uint8_t status = (uint8_t)((is_busy(chip) ? STATUS_BUSY : 0) |
                             (chip->write_enabled ? STATUS_WRITE_ENABLED : 0));
  static const uint8_t blank = 0xff;
  static const uint8_t zero = 0;
  switch (command->instruction) {
    case READ_STATUS:
      read_out(command, &status, 1);
      return has_form(command, 0, 0);
    case READ_STATUS_2:
      read_out(command, &zero, 1);
      return has_form(command, 0, 0);
    case RESET_ENABLE:
    case RESET:
    case WAKE_UP:
    case 0xff: /* out of a continuous read */
      return true;
    case READ_ID:
      read_out(command, id, sizeof id);
      return has_form(command, 0, 0) && !chip->busy;
    case READ_SFDP:
      read_out(command, &blank, 1);
      return has_form(command, 3, 8) && !chip->busy;
    case FAST_READ:
      read_cells(command);
      return has_form(command, 3, 8) && !chip->busy;
    case WRITE_ENABLE:
      chip->write_enabled = true;
      return has_form(command, 0, 0) && !chip->busy;
    case WRITE_STATUS:
    case ERASE_CHIP:
      change(chip, command);
      return has_form(command, 0, 0);
    case PROGRAM:
    case ERASE_4K:
    case ERASE_32K:
    case ERASE_64K:
      if (chip->busy) return false;
      change(chip, command);
      return has_form(command, 3, 0);
    default:
      return false;
  }
}

static bool run(void* self, const struct xspi_command* command) {
  struct chip* chip = self;
  if (!execute(chip, command)) ++chip->mistakes;
  return true;
}

static void set_clock(void* self, uint32_t hz_max) {
  (void)self, (void)hz_max;
}

struct xspi_port chip_port(struct chip* chip, const struct clock_port* clock) {
  *chip = (struct chip){.clock = clock};
  return (struct xspi_port){.self = chip, .run = run, .set_clock = set_clock, .lanes_max = XSPI_1};
}
