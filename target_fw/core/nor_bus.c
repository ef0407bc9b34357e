#include "target_fw/core/nor_bus.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/swap_pairs.h"

/* An instruction in the present mode; the other phases are left out. In octal modes the complement
 * of the opcode follows it (SFDP: inverse extension; no Macronix part has another). */
static struct xspi_command command_of(const struct nor* nor, uint8_t opcode) {
  struct xspi_command command;
  memset(&command, 0, sizeof(command));
  if (nor->mode >= NOR_OCTAL_STR) {
    command.instruction_phase.lanes = XSPI_8;
    command.instruction_phase.ddr = nor->mode == NOR_OCTAL_DTR;
    command.instruction = (uint16_t)(opcode << 8 | (uint8_t)~opcode);
    command.instruction_size = 2;
  } else {
    command.instruction_phase.lanes = XSPI_1;
    command.instruction = opcode;
    command.instruction_size = 1;
  }
  return command;
}

static struct xspi_phase phase_of(const struct nor* nor, uint8_t lanes) {
  struct xspi_phase phase = {lanes, false};
  if (nor->mode >= NOR_OCTAL_STR) {
    phase.lanes = XSPI_8;
    phase.ddr = nor->mode == NOR_OCTAL_DTR;
  }
  return phase;
}

static void add_address(const struct nor* nor, struct xspi_command* command, uint8_t lanes,
                        uint8_t size, uint32_t address) {
  command->address_phase = phase_of(nor, lanes);
  command->address_size = size;
  command->address = address;
}

/* What was begun to be read is there. */
static void finish_reading(struct nor* nor) {
  const struct xspi_port* bus = nor->config.bus;
  if (nor->reading == NULL) return;
  nor->reading_went_well = bus->end_read(bus->self);
  if (nor->reading_swaps) swap_pairs(nor->reading, nor->reading, nor->reading_size);
  nor->reading = NULL;
}

static bool run(struct nor* nor, const struct xspi_command* command) {
  const struct xspi_port* bus = nor->config.bus;
  finish_reading(nor);
  return bus->run(bus->self, command);
}

uint8_t nor_lanes(const struct nor* nor) {
  const struct xspi_port* bus = nor->config.bus;
  return bus->dual ? bus->lanes_max / 2 : bus->lanes_max;
}

/* Two bytes at a time, at even addresses: one on each edge, or one of each chip. */
static bool in_pairs(const struct nor* nor) {
  return nor->mode == NOR_OCTAL_DTR || nor->config.bus->dual;
}

bool nor_send(struct nor* nor, uint8_t opcode) {
  const struct xspi_command command = command_of(nor, opcode);
  return run(nor, &command);
}

bool nor_read_register(struct nor* nor, uint8_t opcode, uint8_t* bytes, uint32_t size) {
  uint8_t pairs[2 * NOR_REGISTER_MAX];
  struct xspi_command command = command_of(nor, opcode);
  command.data_phase = phase_of(nor, XSPI_1);
  command.read = bytes;
  command.size = size;
  if (nor->mode >= NOR_OCTAL_STR) {
    /* 4 address bytes and 4 dummies: SFDP table FF05 for the status, and data sheets for the rest
     * of the registers. The part may not be known yet, so these are not taken from it. */
    add_address(nor, &command, XSPI_8, 4, 0);
    command.dummy_cycles = 4;
  }
  if (size > NOR_REGISTER_MAX) return false;
  if (!in_pairs(nor)) {
    if (!run(nor, &command)) return false;
    memcpy(nor->twin, bytes, size);
    return true;
  }
  /* Each byte comes on both edges, or one comes of each chip. */
  command.read = pairs;
  command.size = 2 * size;
  if (!run(nor, &command)) return false;
  for (uint32_t i = 0; i < size; i++) {
    bytes[i] = pairs[2 * i];
    nor->twin[i] = nor->config.bus->dual ? pairs[2 * i + 1] : pairs[2 * i];
  }
  return true;
}

bool nor_read_status(struct nor* nor, uint8_t opcode, uint8_t of_both, uint8_t* status) {
  uint8_t first = 0;
  if (!nor_read_register(nor, opcode, &first, 1)) return false;
  const uint8_t second = nor->twin[0];
  *status = (uint8_t)((first & second & of_both) | ((first | second) & ~of_both));
  return first != NOR_STATUS_NO_ANSWER && second != NOR_STATUS_NO_ANSWER;
}

bool nor_read_busy(struct nor* nor, bool* busy) {
  const uint8_t by = nor->part.busy;
  const bool flags_tell_all = nor->traits->flags == NOR_CMD_READ_FLAG_STATUS;
  uint8_t status = 0;
  nor->flags_read = false;
  if ((by & SFDP_BUSY_STATUS_BIT0) != 0 &&
      !(flags_tell_all && (by & SFDP_BUSY_FLAG_STATUS_BIT7) != 0)) {
    if (!nor_read_status(nor, NOR_CMD_READ_STATUS, 0, &status)) return false;
    *busy = (status & NOR_STATUS_BUSY) != 0;
    return true;
  }
  if (!nor_read_status(nor, NOR_CMD_READ_FLAG_STATUS, NOR_FLAG_STATUS_READY, &status)) {
    return false;
  }
  *busy = (status & NOR_FLAG_STATUS_READY) == 0;
  nor->flags_read = flags_tell_all;
  nor->flags = status;
  return true;
}

bool nor_write_status(struct nor* nor, uint8_t opcode, const uint8_t* bytes, uint32_t size) {
  struct xspi_command command = command_of(nor, opcode);
  command.data_phase = phase_of(nor, XSPI_1);
  command.write = bytes;
  command.size = size;
  uint8_t pairs[2 * NOR_REGISTER_MAX];
  if (nor->config.bus->dual) {
    if (size > NOR_REGISTER_MAX) return false;
    for (uint32_t i = 0; i < 2 * size; i++) pairs[i] = bytes[i / 2];
    command.write = pairs;
    command.size = 2 * size;
  }
  return nor_send(nor, NOR_CMD_WRITE_ENABLE) && run(nor, &command);
}

bool nor_write_cr2(struct nor* nor, uint32_t address, uint8_t value) {
  const uint8_t pair[2] = {value, value};
  struct xspi_command command = command_of(nor, NOR_CMD_WRITE_CR2);
  add_address(nor, &command, XSPI_1, 4, address);
  command.data_phase = phase_of(nor, XSPI_1);
  command.write = pair;
  command.size = nor->mode == NOR_OCTAL_DTR ? 2 : 1;
  return nor_send(nor, NOR_CMD_WRITE_ENABLE) && run(nor, &command);
}

static bool read_sfdp_at(struct nor* nor, uint32_t at, uint8_t* bytes, uint32_t size) {
  struct xspi_command command = command_of(nor, NOR_CMD_READ_SFDP);
  add_address(nor, &command, XSPI_1, 3, at); /* 3 bytes and 8 dummies in every part: JESD216 */
  command.dummy_cycles = 8;
  command.data_phase = phase_of(nor, XSPI_1);
  command.read = bytes;
  command.size = size;
  return run(nor, &command);
}

/* Of a pair, the first chip's: two of one id say the same. */
bool nor_read_sfdp(struct nor* nor, uint8_t* bytes, uint32_t size) {
  uint8_t pairs[32];
  if (!nor->config.bus->dual) return read_sfdp_at(nor, 0, bytes, size);
  for (uint32_t i = 0; i < size; i++) {
    const uint32_t at = 2 * i % sizeof(pairs);
    if (at == 0 && !read_sfdp_at(nor, 2 * i, pairs, sizeof(pairs))) return false;
    bytes[i] = pairs[at];
  }
  return true;
}

static bool swaps(const struct nor* nor) {
  return nor->mode == NOR_OCTAL_DTR && nor->part.octal.swapped;
}

static struct xspi_command read_command(const struct nor* nor, uint32_t at, uint8_t* bytes,
                                        uint32_t size) {
  const struct nor_access* access = &nor->access;
  struct xspi_command command = command_of(nor, access->read_opcode);
  add_address(nor, &command, XSPI_1, access->address_size, at);
  command.dummy_cycles = access->read_dummies;
  command.data_phase = phase_of(nor, access->data_lanes_read);
  command.read = bytes;
  command.size = size;
  return command;
}

static bool read_run(struct nor* nor, uint32_t at, uint8_t* bytes, uint32_t size) {
  const struct xspi_command command = read_command(nor, at, bytes, size);
  if (!run(nor, &command)) return false;
  if (swaps(nor)) swap_pairs(bytes, bytes, size);
  return true;
}

bool nor_read_array(struct nor* nor, uint32_t at, uint8_t* bytes, uint32_t size) {
  if (!in_pairs(nor)) return size == 0 || read_run(nor, at, bytes, size);
  /* Addresses and lengths are even. What is odd is read with its neighbour. */
  uint8_t pair[2];
  if (size > 0 && at % 2 != 0) {
    if (!read_run(nor, at - 1, pair, 2)) return false;
    *bytes++ = pair[1];
    at++;
    size--;
  }
  const uint32_t even = size & ~1u;
  if (even > 0 && !read_run(nor, at, bytes, even)) return false;
  if (size % 2 != 0) {
    if (!read_run(nor, at + even, pair, 2)) return false;
    bytes[even] = pair[0];
  }
  return true;
}

void nor_begin_read_array(struct nor* nor, uint32_t at, uint8_t* bytes, uint32_t size) {
  const struct xspi_port* bus = nor->config.bus;
  const bool is_odd = in_pairs(nor) && (at % 2 != 0 || size % 2 != 0);
  if (bus->begin_read == NULL || is_odd || size == 0) {
    nor->reading_went_well = nor_read_array(nor, at, bytes, size);
    return;
  }
  finish_reading(nor);
  const struct xspi_command command = read_command(nor, at, bytes, size);
  nor->reading_went_well = bus->begin_read(bus->self, &command);
  if (!nor->reading_went_well) return;
  nor->reading = bytes;
  nor->reading_size = size;
  nor->reading_swaps = swaps(nor);
}

bool nor_end_read_array(struct nor* nor) {
  finish_reading(nor);
  return nor->reading_went_well;
}

struct xspi_map nor_map(const struct nor* nor) {
  return (struct xspi_map){.read = read_command(nor, 0, NULL, 0),
                           .size = nor->part.size,
                           .swapped = swaps(nor),
                           .hz_max = nor->config.boot_hz};
}

bool nor_read_mapped(struct nor* nor, uint32_t at, uint8_t* bytes, uint32_t size) {
  const struct xspi_port* bus = nor->config.bus;
  finish_reading(nor);
  const struct xspi_map map = nor_map(nor);
  return bus->read_mapped(bus->self, &map, at, bytes, size);
}

void nor_pack(const struct nor* nor, struct nor_page* page, uint32_t at, const uint8_t* bytes,
              uint32_t size) {
  page->at = at;
  page->bytes = bytes;
  page->size = size;
  if (!in_pairs(nor)) return;
  if (at % 2 != 0 || size % 2 != 0) {
    /* Even on both sides; 0xFF changes nothing. */
    const uint32_t before = at % 2;
    page->at = at - before;
    page->size = (before + size + 1) & ~1u;
    memset(page->packed, 0xff, page->size);
    memcpy(page->packed + before, bytes, size);
    page->bytes = page->packed;
  }
  if (!swaps(nor)) return;
  swap_pairs(page->packed, page->bytes, page->size);
  page->bytes = page->packed;
}

bool nor_program(struct nor* nor, const struct nor_page* page) {
  const struct nor_access* access = &nor->access;
  struct xspi_command command = command_of(nor, access->program_opcode);
  add_address(nor, &command, access->program_address_lanes, access->address_size, page->at);
  command.data_phase = phase_of(nor, access->data_lanes_write);
  command.write = page->bytes;
  command.size = page->size;
  return run(nor, &command);
}

bool nor_erase_at(struct nor* nor, uint32_t at) {
  struct xspi_command command = command_of(
      nor, nor->access.erase_4byte ? nor->erase_type->opcode_4byte : nor->erase_type->opcode);
  add_address(nor, &command, XSPI_1, nor->access.address_size, at);
  return run(nor, &command);
}
