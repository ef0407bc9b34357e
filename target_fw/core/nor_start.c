/* Finding the chip: out of any mode, into the one we want. */
#include <stddef.h>
#include <string.h>

#include "target_fw/core/nor_bus.h"

/* While the part is not known: SFDP is promised at 50 MHz, but MX25R in its low-power mode ends at
 * 33 (ST ExtMem_Manager); 20 leaves room for long wires. */
#define CLOCK_START_HZ 20000000u
/* Programming is bound by the array, not by the bus: 256 bytes take 5 us on eight lanes, 152 us in
 * the cells. At 50 MHz no part needs its data strobe or a tuned delay. */
#define CLOCK_HZ 50000000u

/* Out of deep power down: 30 and 40 us by the SFDP of the parts known. */
#define WAKE_UP_LIMIT_US 200u
/* After a reset that cut an operation the Macronix data sheets give up to 100 ms, for a chip erase;
 * after power-on a chip may be slower than its controller, by up to 3 ms. */
#define RESET_LIMIT_US 150000u
/* A status register is written in 40 ms at most (ST's headers). */
#define REGISTER_WRITE_LIMIT_US 60000u

#define SR1_QUAD_ENABLE 0x40u
#define LOW_POWER_CR2_HIGH_PERFORMANCE 0x02u /* MX25R, the second byte of 15h */

/* CR2 of the Macronix octal parts, from where their volatile registers begin. */
#define CR2_MODE 0x000u
#define CR2_MODE_SPI 0
#define CR2_MODE_STR 1
#define CR2_MODE_DTR 2
#define CR2_DUMMIES 0x300u
#define CR2_DUMMIES_20 0 /* enough for every clock; on 4096 bytes it costs nothing */
#define OCTAL_READ_DUMMIES 20

static uint32_t now_us(const struct nor* nor) {
  return nor->config.clock->now_us(nor->config.clock->self);
}

static void set_clock(struct nor* nor, uint32_t hz) {
  nor->config.bus->set_clock(nor->config.bus->self, hz);
}

static bool is_id(const uint8_t id[NOR_ID_SIZE]) {
  /* Lines that nobody drives, or that are shorted, read the same throughout. */
  return !(id[0] == id[1] && id[1] == id[2]);
}

/* Asks until the chip answers. Nothing is sent in between that a chip that is not ready minds. */
static bool wait_for_id(struct nor* nor, uint32_t limit_us) {
  const uint32_t began_us = now_us(nor);
  do {
    if (nor_read_register(nor, NOR_CMD_READ_ID, nor->id, NOR_ID_SIZE) && is_id(nor->id)) {
      return true;
    }
  } while (now_us(nor) - began_us < limit_us);
  memset(nor->id, 0, NOR_ID_SIZE);
  return false;
}

static bool wait_until_idle(struct nor* nor, uint32_t limit_us) {
  const uint32_t began_us = now_us(nor);
  uint8_t status = 0;
  do {
    if (!nor_read_register(nor, NOR_CMD_READ_STATUS, &status, 1)) return false;
    if ((status & NOR_STATUS_BUSY) == 0) return true;
  } while (now_us(nor) - began_us < limit_us);
  return false;
}

/* Octal modes first: to a chip in SPI mode an octal instruction is too short to be one, and its
 * eight clocks in SPI mode are no valid pair of opcode and complement to a chip in octal mode. */
static const enum nor_mode recovery_modes[] = {NOR_OCTAL_DTR, NOR_OCTAL_STR, NOR_SPI};

static bool in_each_mode(struct nor* nor, uint8_t first, uint8_t second) {
  for (size_t i = 0; i < sizeof(recovery_modes) / sizeof(recovery_modes[0]); i++) {
    nor->mode = recovery_modes[i];
    if (nor->mode != NOR_SPI && nor->config.bus->lanes_max < XSPI_8) continue;
    if (!nor_send(nor, first)) return false;
    if (second != 0 && !nor_send(nor, second)) return false;
  }
  return true;
}

/* A chip whose power-up mode is an octal one (a non-volatile setting) comes out of a reset in it.
 * It is asked in that mode, and told to leave it until the next reset. */
static bool leave_octal_power_up(struct nor* nor) {
  if (nor->config.bus->lanes_max < XSPI_8) return false;
  for (size_t i = 0; i < 2; i++) {
    nor->mode = recovery_modes[i];
    if (!nor_read_register(nor, NOR_CMD_READ_ID, nor->id, NOR_ID_SIZE)) break;
    if (!is_id(nor->id) || nor_family(nor->id) != NOR_FAMILY_MACRONIX_OCTAL) continue;
    if (!nor_write_cr2(nor, CR2_MODE, CR2_MODE_SPI)) break;
    nor->mode = NOR_SPI;
    return wait_for_id(nor, WAKE_UP_LIMIT_US);
  }
  nor->mode = NOR_SPI;
  return false;
}

/* Ends in SPI mode, with the id read. */
static bool recover(struct nor* nor) {
  set_clock(nor, CLOCK_START_HZ);
  /* First of all out of a continuous read, in which a program that runs from the flash may have
   * left it: there every command is an address, and what comes back could pass for an id. */
  nor->mode = NOR_SPI;
  if (!nor_send(nor, NOR_CMD_LEAVE_CONTINUOUS)) return false;
  if (!in_each_mode(nor, NOR_CMD_WAKE_UP, 0)) return false;
  wait_for_id(nor, WAKE_UP_LIMIT_US);
  if (!in_each_mode(nor, NOR_CMD_RESET_ENABLE, NOR_CMD_RESET)) return false;
  return wait_for_id(nor, RESET_LIMIT_US) || leave_octal_power_up(nor);
}

static bool identify(struct nor* nor) {
  if (!nor_read_sfdp(nor, nor->page, SFDP_SIZE_MAX)) return false;
  nor->family = nor_family(nor->id);
  nor->from_sfdp = sfdp_parse(nor->page, SFDP_SIZE_MAX, &nor->part);
  /* Every part that we know of shows busy in 05h; one that does not would look idle at once. */
  if (nor->from_sfdp) return (nor->part.busy & SFDP_BUSY_STATUS_BIT0) != 0;
  const struct sfdp_part* row = nor_part_of_id(nor->id);
  if (row == NULL) return false;
  nor->part = *row;
  return true;
}

/* Keeps those that can be reached with four address bytes. */
static void drop_3byte_erases(struct sfdp_part* part) {
  uint8_t kept = 0;
  for (uint32_t i = 0; i < part->erase_types_count; i++) {
    if (part->erase_types[i].opcode_4byte != 0) part->erase_types[kept++] = part->erase_types[i];
  }
  part->erase_types_count = kept;
}

static bool has_4byte_erase(const struct sfdp_part* part) {
  for (uint32_t i = 0; i < part->erase_types_count; i++) {
    if (part->erase_types[i].opcode_4byte != 0) return true;
  }
  return false;
}

/* One lane. Parts above 16 MiB need four address bytes. */
static bool enter_spi(struct nor* nor) {
  struct sfdp_part* part = &nor->part;
  const bool large = part->size > 1u << 24;
  const bool opcodes = large && part->has_4byte_opcodes && has_4byte_erase(part);
  if (large && !opcodes && part->address != SFDP_ADDRESS_4) {
    if (part->enter_4byte_wren && !nor_send(nor, NOR_CMD_WRITE_ENABLE)) return false;
    if (!part->enter_4byte && !part->enter_4byte_wren) return false;
    if (!nor_send(nor, NOR_CMD_ENTER_4B)) return false;
  }
  if (opcodes) drop_3byte_erases(part);
  nor->mode = NOR_SPI;
  nor->access = (struct nor_access){
      .address_size = large || part->address == SFDP_ADDRESS_4 ? 4 : 3,
      .read_opcode = opcodes ? NOR_CMD_FAST_READ_4B : NOR_CMD_FAST_READ,
      .read_dummies = 8,
      .program_opcode = opcodes ? NOR_CMD_PROGRAM_4B : NOR_CMD_PROGRAM,
      .program_address_lanes = XSPI_1,
      .data_lanes_read = XSPI_1,
      .data_lanes_write = XSPI_1,
      .erase_4byte = opcodes,
  };
  return true;
}

/* Sets the quad-enable bit, if wanted, and takes an MX25R out of its low-power mode, in which it is
 * up to four times slower and its maxima are not those of its SFDP. */
static bool write_quad_registers(struct nor* nor, bool quad) {
  const bool low_power = nor->family == NOR_FAMILY_MACRONIX_LOW_POWER;
  uint8_t registers[3];
  uint8_t taken[3];
  if (!nor_read_register(nor, NOR_CMD_READ_STATUS, registers, 1)) return false;
  if (low_power && !nor_read_register(nor, NOR_CMD_READ_CONFIGURATION, registers + 1, 2)) {
    return false;
  }
  const uint8_t status = registers[0];
  if (quad) registers[0] |= SR1_QUAD_ENABLE;
  if (low_power) registers[2] |= LOW_POWER_CR2_HIGH_PERFORMANCE;
  if (!low_power && registers[0] == status) return true; /* spare the non-volatile bit */
  if (!nor_write_status(nor, registers, low_power ? 3 : 1)) return false;
  if (!wait_until_idle(nor, REGISTER_WRITE_LIMIT_US)) return false;
  if (!nor_read_register(nor, NOR_CMD_READ_STATUS, taken, 1)) return false;
  if (low_power && !nor_read_register(nor, NOR_CMD_READ_CONFIGURATION, taken + 1, 2)) return false;
  return taken[0] == registers[0] && (!low_power || taken[2] == registers[2]);
}

static bool enter_quad(struct nor* nor) {
  const struct sfdp_part* part = &nor->part;
  const struct nor_config* config = &nor->config;
  const bool can = config->bus->lanes_max >= XSPI_4 && config->mode_max >= NOR_QUAD &&
                   part->read_1_1_4.opcode != 0 && part->size <= 1u << 24;
  const bool quad =
      can && (part->quad_enable == SFDP_QUAD_NO_BIT || part->quad_enable == SFDP_QUAD_SR1_BIT6);
  if (!write_quad_registers(nor, quad && part->quad_enable == SFDP_QUAD_SR1_BIT6)) return false;
  if (!quad) return true;
  nor->mode = NOR_QUAD;
  nor->access.read_opcode = part->read_1_1_4.opcode;
  nor->access.read_dummies = part->read_1_1_4.dummies;
  nor->access.data_lanes_read = XSPI_4;
  /* JESD216 does not say how to program on four lanes with three address bytes. */
  if (nor->family == NOR_FAMILY_MACRONIX_LOW_POWER) {
    nor->access.program_opcode = NOR_CMD_PROGRAM_1_4_4;
    nor->access.program_address_lanes = XSPI_4;
    nor->access.data_lanes_write = XSPI_4;
  }
  return true;
}

/* That the part, by its own tables, is entered and read as we do it. */
static bool is_octal_as_we_know_it(const struct sfdp_part* part) {
  const struct sfdp_octal* octal = &part->octal;
  return octal->present && octal->inverse_extension && octal->enable_opcode == NOR_CMD_WRITE_CR2 &&
         octal->enable_address == octal->volatile_registers + CR2_MODE &&
         octal->enable_value == CR2_MODE_DTR && octal->status_address_size == 4 &&
         octal->status_dummies == 4 && octal->read_dtr_dummies <= OCTAL_READ_DUMMIES;
}

/* Into octal mode, if the chip then still answers; else back to SPI mode, which always works. */
static bool enter_octal(struct nor* nor) {
  const struct nor_config* config = &nor->config;
  if (config->bus->lanes_max < XSPI_8 || config->mode_max < NOR_OCTAL_STR ||
      !is_octal_as_we_know_it(&nor->part) || !has_4byte_erase(&nor->part)) {
    return true;
  }
  const bool dtr = config->mode_max >= NOR_OCTAL_DTR && nor->part.octal.read_dtr_opcode != 0;
  uint8_t id[NOR_ID_SIZE];
  memcpy(id, nor->id, NOR_ID_SIZE);
  const uint32_t registers = nor->part.octal.volatile_registers;
  if (!nor_write_cr2(nor, registers + CR2_DUMMIES, CR2_DUMMIES_20) ||
      !nor_write_cr2(nor, registers + CR2_MODE, dtr ? CR2_MODE_DTR : CR2_MODE_STR)) {
    return false;
  }
  nor->mode = dtr ? NOR_OCTAL_DTR : NOR_OCTAL_STR;
  set_clock(nor, CLOCK_HZ);
  if (!wait_for_id(nor, WAKE_UP_LIMIT_US) || memcmp(id, nor->id, NOR_ID_SIZE) != 0) {
    return recover(nor) && enter_spi(nor);
  }
  drop_3byte_erases(&nor->part);
  nor->access = (struct nor_access){
      .address_size = 4,
      .read_opcode = dtr ? nor->part.octal.read_dtr_opcode : NOR_CMD_READ_OCTAL_STR,
      .read_dummies = OCTAL_READ_DUMMIES,
      .program_opcode = NOR_CMD_PROGRAM_4B,
      .program_address_lanes = XSPI_8,
      .data_lanes_read = XSPI_8,
      .data_lanes_write = XSPI_8,
      .erase_4byte = true,
  };
  return true;
}

enum dfu_status nor_connect(struct nor* nor) {
  nor->lost = true;
  if (!recover(nor) || !identify(nor)) return DFU_ERR_VENDOR;
  const bool entered =
      enter_spi(nor) &&
      (nor->family == NOR_FAMILY_MACRONIX_OCTAL ? enter_octal(nor) : enter_quad(nor));
  if (!entered) return DFU_ERR_VENDOR;
  set_clock(nor, CLOCK_HZ);
  nor->lost = false;
  return DFU_OK;
}

void nor_release(struct nor* nor) {
  nor_send(nor, NOR_CMD_RESET_ENABLE);
  nor_send(nor, NOR_CMD_RESET);
  nor->mode = NOR_SPI;
  nor->lost = true;
}
