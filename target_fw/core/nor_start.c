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
#define SR2_QUAD_ENABLE 0x02u
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

/* An id, and the same of both chips. Lines that nobody drives, or that are shorted, read the same
 * throughout. */
static bool read_id(struct nor* nor) {
  uint8_t* id = nor->id;
  return nor_read_register(nor, NOR_CMD_READ_ID, id, NOR_ID_SIZE) &&
         !(id[0] == id[1] && id[1] == id[2]) && memcmp(id, nor->twin, NOR_ID_SIZE) == 0;
}

static bool has_octal_bus(const struct nor* nor) {
  return nor_lanes(nor) >= XSPI_8;
}

/* Asks until the chip answers. Nothing is sent in between that a chip that is not ready minds. */
static bool wait_for_id(struct nor* nor, uint32_t limit_us) {
  const uint32_t began_us = now_us(nor);
  do {
    if (read_id(nor)) return true;
  } while (now_us(nor) - began_us < limit_us);
  memset(nor->id, 0, NOR_ID_SIZE);
  return false;
}

static bool wait_until_idle(struct nor* nor, uint32_t limit_us) {
  const uint32_t began_us = now_us(nor);
  bool busy = false;
  do {
    if (!nor_read_busy(nor, &busy)) return false;
    if (!busy) return true;
  } while (now_us(nor) - began_us < limit_us);
  return false;
}

/* Octal modes first: to a chip in SPI mode an octal instruction is too short to be one, and its
 * eight clocks in SPI mode are no valid pair of opcode and complement to a chip in octal mode. */
static const enum nor_mode recovery_modes[] = {NOR_OCTAL_DTR, NOR_OCTAL_STR, NOR_SPI};

static bool in_each_mode(struct nor* nor, uint8_t first, uint8_t second) {
  for (size_t i = 0; i < sizeof(recovery_modes) / sizeof(recovery_modes[0]); i++) {
    nor->mode = recovery_modes[i];
    if (nor->mode != NOR_SPI && !has_octal_bus(nor)) continue;
    if (!nor_send(nor, first)) return false;
    if (second != 0 && !nor_send(nor, second)) return false;
  }
  return true;
}

/* A chip whose power-up mode is an octal one (a non-volatile setting) comes out of a reset in it.
 * It is asked in that mode, and told to leave it until the next reset. */
static bool leave_octal_power_up(struct nor* nor) {
  if (!has_octal_bus(nor)) return false;
  for (size_t i = 0; i < 2; i++) {
    nor->mode = recovery_modes[i];
    if (!read_id(nor) || nor_family(nor->id) != NOR_FAMILY_MACRONIX_OCTAL) continue;
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

/* Of two chips side by side everything is twice as large, and takes as long. */
static bool double_sizes(struct sfdp_part* part) {
  if (part->size > 1u << 30) return false; /* more than 32 bits of address reach */
  part->size *= 2;
  part->page_size *= 2;
  for (uint32_t i = 0; i < part->erase_types_count; i++) part->erase_types[i].size *= 2;
  return true;
}

static bool identify(struct nor* nor) {
  uint8_t* sfdp = nor->pages[0].packed;
  if (!nor_read_sfdp(nor, sfdp, SFDP_SIZE_MAX)) return false;
  nor->family = nor_family(nor->id);
  nor->traits = nor_traits(nor->family);
  nor->from_sfdp = sfdp_parse(sfdp, SFDP_SIZE_MAX, &nor->part);
  if (!nor->from_sfdp) {
    const struct sfdp_part* row = nor_part_of_id(nor->id);
    if (row == NULL) return false;
    nor->part = *row;
  }
  return !nor->config.bus->dual || double_sizes(&nor->part);
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
  const uint32_t chip_size = nor->config.bus->dual ? part->size / 2 : part->size;
  const bool large = chip_size > 1u << 24;
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

/* All blocks may be written: with the registers that the same command would else clear. */
static bool lift_protection(struct nor* nor) {
  uint8_t registers[3];
  uint32_t count = 1;
  if (!nor_read_status(nor, NOR_CMD_READ_STATUS, SR1_QUAD_ENABLE, registers)) return false;
  if (nor->family == NOR_FAMILY_MACRONIX_LOW_POWER) {
    count = 3;
    if (!nor_read_register(nor, NOR_CMD_READ_CONFIGURATION, registers + 1, 2)) return false;
  } else if (nor->part.quad_enable == SFDP_QUAD_SR2_BIT1) {
    count = 2;
    if (!nor_read_status(nor, NOR_CMD_READ_STATUS_2, SR2_QUAD_ENABLE, registers + 1)) return false;
  }
  registers[0] = (uint8_t)(registers[0] & ~(nor->traits->protected_bits | NOR_STATUS_BUSY |
                                            NOR_STATUS_WRITE_ENABLED));
  return nor_write_status(nor, NOR_CMD_WRITE_STATUS, registers, count) &&
         wait_until_idle(nor, REGISTER_WRITE_LIMIT_US);
}

/* Sets the quad-enable bit, if wanted, and takes an MX25R out of its low-power mode, in which it is
 * up to four times slower and its maxima are not those of its SFDP. */
static bool write_first_status(struct nor* nor, bool quad) {
  const bool low_power = nor->family == NOR_FAMILY_MACRONIX_LOW_POWER;
  uint8_t registers[3];
  uint8_t taken[3];
  if (!nor_read_status(nor, NOR_CMD_READ_STATUS, SR1_QUAD_ENABLE, registers)) return false;
  if (low_power && !nor_read_register(nor, NOR_CMD_READ_CONFIGURATION, registers + 1, 2)) {
    return false;
  }
  const uint8_t status = registers[0];
  if (quad) registers[0] |= SR1_QUAD_ENABLE;
  if (low_power) registers[2] |= LOW_POWER_CR2_HIGH_PERFORMANCE;
  if (!low_power && registers[0] == status) return true; /* spare the non-volatile bit */
  if (!nor_write_status(nor, NOR_CMD_WRITE_STATUS, registers, low_power ? 3 : 1)) return false;
  if (!wait_until_idle(nor, REGISTER_WRITE_LIMIT_US)) return false;
  if (!nor_read_status(nor, NOR_CMD_READ_STATUS, SR1_QUAD_ENABLE, taken)) return false;
  if (low_power && !nor_read_register(nor, NOR_CMD_READ_CONFIGURATION, taken + 1, 2)) return false;
  return taken[0] == registers[0] && (!low_power || taken[2] == registers[2]);
}

/* The bit in the second status register, which is written behind the first or by itself. */
static bool write_second_status(struct nor* nor) {
  uint8_t registers[2];
  uint8_t taken = 0;
  if (!nor_read_status(nor, NOR_CMD_READ_STATUS, 0, registers) ||
      !nor_read_status(nor, NOR_CMD_READ_STATUS_2, SR2_QUAD_ENABLE, registers + 1)) {
    return false;
  }
  if ((registers[1] & SR2_QUAD_ENABLE) != 0) return true;
  registers[1] |= SR2_QUAD_ENABLE;
  const bool sent = nor->part.quad_enable == SFDP_QUAD_SR2_BIT1_31H
                        ? nor_write_status(nor, NOR_CMD_WRITE_STATUS_2, registers + 1, 1)
                        : nor_write_status(nor, NOR_CMD_WRITE_STATUS, registers, 2);
  return sent && wait_until_idle(nor, REGISTER_WRITE_LIMIT_US) &&
         nor_read_status(nor, NOR_CMD_READ_STATUS_2, SR2_QUAD_ENABLE, &taken) &&
         taken == registers[1];
}

/* Sets *enabled if four lanes may be used. A bit whose register cannot be read is left alone. */
static bool enable_quad(struct nor* nor, bool wanted, bool* enabled) {
  const struct sfdp_part* part = &nor->part;
  *enabled = false;
  switch (part->quad_enable) {
    case SFDP_QUAD_NO_BIT:
    case SFDP_QUAD_SR1_BIT6:
      *enabled = wanted;
      return write_first_status(nor, wanted && part->quad_enable == SFDP_QUAD_SR1_BIT6);
    case SFDP_QUAD_SR2_BIT1_KEEPS:
    case SFDP_QUAD_SR2_BIT1:
    case SFDP_QUAD_SR2_BIT1_31H:
      *enabled = wanted;
      return !wanted || write_second_status(nor);
    case SFDP_QUAD_SR2_BIT1_NO_READ:
    case SFDP_QUAD_SR2_BIT7:
    case SFDP_QUAD_UNKNOWN:
      break;
  }
  return write_first_status(nor, false);
}

/* JESD216 has opcodes that program on four lanes with four address bytes; those with three are the
 * makers' own. Where there is none, one lane does. */
static void use_quad_program(struct nor* nor, bool opcodes_4byte) {
  uint8_t opcode = nor->traits->program_quad;
  uint8_t address_lanes = nor->traits->program_quad_lanes;
  if (opcodes_4byte) {
    const bool one = nor->part.has_program_1_1_4_4byte;
    if (!one && !nor->part.has_program_1_4_4_4byte) return;
    opcode = one ? NOR_CMD_PROGRAM_1_1_4_4B : NOR_CMD_PROGRAM_1_4_4_4B;
    address_lanes = one ? XSPI_1 : XSPI_4;
  }
  if (opcode == 0) return;
  nor->access.program_opcode = opcode;
  nor->access.program_address_lanes = address_lanes;
  nor->access.data_lanes_write = XSPI_4;
}

static bool enter_quad(struct nor* nor) {
  const struct sfdp_part* part = &nor->part;
  const struct nor_config* config = &nor->config;
  const bool opcodes_4byte = nor->access.read_opcode == NOR_CMD_FAST_READ_4B;
  const bool can = nor_lanes(nor) >= XSPI_4 && config->mode_max >= NOR_QUAD &&
                   part->read_1_1_4.opcode != 0 && (!opcodes_4byte || part->has_read_1_1_4_4byte);
  bool quad = false;
  if (!enable_quad(nor, can, &quad)) return false;
  if (!quad) return true;
  nor->mode = NOR_QUAD;
  nor->access.read_opcode = opcodes_4byte ? NOR_CMD_READ_1_1_4_4B : part->read_1_1_4.opcode;
  nor->access.read_dummies = part->read_1_1_4.dummies;
  nor->access.data_lanes_read = XSPI_4;
  use_quad_program(nor, opcodes_4byte);
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
  if (!has_octal_bus(nor) || config->mode_max < NOR_OCTAL_STR ||
      !is_octal_as_we_know_it(&nor->part) || !has_4byte_erase(&nor->part)) {
    return true;
  }
  const bool dtr = config->mode_max >= NOR_OCTAL_DTR && nor->part.octal.read_dtr_opcode != 0;
  uint8_t id[NOR_ID_SIZE];
  memcpy(id, nor->id, NOR_ID_SIZE);
  /* Here, so that the part is the same whether it gets into that mode or not. */
  drop_3byte_erases(&nor->part);
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
  /* What was promised of it stays. SFDP has no sum of its own: read again, it might say something
   * else of the same chip. */
  const bool known = nor->part.size != 0;
  uint8_t id[NOR_ID_SIZE];
  memcpy(id, nor->id, NOR_ID_SIZE);
  nor->lost = true;
  const bool found =
      recover(nor) && (known ? memcmp(id, nor->id, NOR_ID_SIZE) == 0 : identify(nor)) &&
      enter_spi(nor) && (!nor->lift_protection || lift_protection(nor)) &&
      (nor->family == NOR_FAMILY_MACRONIX_OCTAL ? enter_octal(nor) : enter_quad(nor));
  if (known) memcpy(nor->id, id, NOR_ID_SIZE);
  if (!found) return DFU_ERR_VENDOR;
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
