#include "target_fw/core/sfdp.h"

#include <string.h>

#define SIGNATURE 0x50444653u /* "SFDP" */
#define HEADER_SIZE 8u
#define TABLE_HEADER_SIZE 8u

enum {
  ID_BASIC = 0xff00,
  ID_XSPI_1 = 0xff05,
  ID_OCTAL_DTR_SEQUENCES = 0xff0a,
  ID_4BYTE = 0xff84,
  ID_STATUS_CONTROL_MAP = 0xff87,
};

/* Where dwords 10 and 11 are missing (JESD216 of 2011): twice the slowest of the parts in
 * tests/model/parts.toml. A time-out may be long, but it must not cut off a working chip. */
#define GUESS_PAGE_TYPICAL_US 1000u
#define GUESS_PAGE_MAX_US 12000u
#define GUESS_ERASE_TYPICAL_MS 500u
#define GUESS_ERASE_MAX_MS 12000u
#define GUESS_CHIP_TYPICAL_MS 200000u
#define GUESS_CHIP_MAX_MS 9000000u

/* A parameter table that lies in the bytes at hand as far as `words` says. */
struct table {
  const uint8_t* bytes;
  uint32_t words;
};

static uint32_t load_le32(const uint8_t* bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
         (uint32_t)bytes[3] << 24;
}

/* Dwords count from 1, as in the standard. One that is not there is 0. */
static uint32_t dword(const struct table* table, uint32_t number) {
  if (number > table->words) return 0;
  return load_le32(table->bytes + 4 * (number - 1));
}

static uint32_t field(uint32_t word, uint32_t high, uint32_t low) {
  return (word >> low) & ((2u << (high - low)) - 1u);
}

/* The table of this id; of several, the last, since later ones have higher revisions. */
static struct table find_table(const uint8_t* bytes, uint32_t size, uint32_t id) {
  struct table found = {bytes, 0};
  const uint32_t count = bytes[6] + 1u;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t at = HEADER_SIZE + i * TABLE_HEADER_SIZE;
    if (at + TABLE_HEADER_SIZE > size) break;
    const uint8_t* header = bytes + at;
    if (((uint32_t)header[7] << 8 | header[0]) != id) continue;
    const uint32_t pointer = load_le32(header + 4) & 0xffffffu;
    if (pointer >= size) continue;
    const uint32_t words_at_hand = (size - pointer) / 4;
    found.bytes = bytes + pointer;
    found.words = header[3] < words_at_hand ? header[3] : words_at_hand;
  }
  return found;
}

/* Bits, as 2^n or as one less than they are. 0: more than a 32-bit address reaches. */
static uint32_t density_bytes(uint32_t word) {
  if ((word & 0x80000000u) != 0) {
    const uint32_t exponent = word & 0x7fffffffu;
    return exponent < 3 || exponent > 34 ? 0 : 1u << (exponent - 3);
  }
  return word / 8 + 1;
}

static uint32_t erase_typical_ms(uint32_t dword10, uint32_t type) {
  static const uint32_t unit_ms[] = {1, 16, 128, 1000};
  const uint32_t low = 4 + 7 * type;
  return (field(dword10, low + 4, low) + 1) * unit_ms[field(dword10, low + 6, low + 5)];
}

static void add_erase_type(struct sfdp_part* part, const struct sfdp_erase_type* type) {
  uint32_t at = part->erase_types_count++;
  for (; at > 0 && part->erase_types[at - 1].size > type->size; at--) {
    part->erase_types[at] = part->erase_types[at - 1];
  }
  part->erase_types[at] = *type;
}

static void parse_erase_types(const struct table* basic, const struct table* four_byte,
                              struct sfdp_part* part) {
  const uint32_t dword10 = dword(basic, 10);
  const uint32_t max_factor = 2 * (field(dword10, 3, 0) + 1);
  for (uint32_t i = 0; i < SFDP_ERASE_TYPES_MAX; i++) {
    const uint32_t pair = field(dword(basic, 8 + i / 2), i % 2 * 16 + 15, i % 2 * 16);
    const uint32_t exponent = pair & 0xff;
    if (exponent == 0 || exponent > 31 || (1u << exponent) > part->size) continue;
    struct sfdp_erase_type type = {
        .size = 1u << exponent,
        .opcode = (uint8_t)(pair >> 8),
        .typical_ms = GUESS_ERASE_TYPICAL_MS,
        .max_ms = GUESS_ERASE_MAX_MS,
    };
    if (part->has_times) {
      type.typical_ms = erase_typical_ms(dword10, i);
      type.max_ms = type.typical_ms * max_factor;
    }
    if ((dword(four_byte, 1) & 1u << (9 + i)) != 0) {
      type.opcode_4byte = (uint8_t)field(dword(four_byte, 2), i * 8 + 7, i * 8);
    }
    add_erase_type(part, &type);
  }
}

static void parse_times(const struct table* basic, struct sfdp_part* part) {
  static const uint32_t chip_unit_ms[] = {16, 256, 4000, 64000};
  part->page_size = 256; /* what every part before JESD216A has */
  part->page_typical_us = GUESS_PAGE_TYPICAL_US;
  part->page_max_us = GUESS_PAGE_MAX_US;
  part->chip_erase_typical_ms = GUESS_CHIP_TYPICAL_MS;
  part->chip_erase_max_ms = GUESS_CHIP_MAX_MS;
  part->has_times = basic->words >= 11;
  if (!part->has_times) return;
  const uint32_t word = dword(basic, 11);
  part->page_size = 1u << field(word, 7, 4);
  part->page_typical_us = (field(word, 12, 8) + 1) * (field(word, 13, 13) != 0 ? 64u : 8u);
  part->page_max_us = part->page_typical_us * 2 * (field(word, 3, 0) + 1);
  part->chip_erase_typical_ms = (field(word, 28, 24) + 1) * chip_unit_ms[field(word, 30, 29)];
  /* An erase has the multiplier of erases. */
  part->chip_erase_max_ms = part->chip_erase_typical_ms * 2 * (field(dword(basic, 10), 3, 0) + 1);
}

/* Opcode, mode clocks, wait states: one half of dwords 3 and 4. */
static struct sfdp_read parse_read(bool supported, uint32_t half) {
  struct sfdp_read read = {0, 0};
  if (!supported) return read;
  read.opcode = (uint8_t)field(half, 15, 8);
  read.dummies = (uint8_t)(field(half, 4, 0) + field(half, 7, 5));
  return read;
}

static void parse_control(const struct table* basic, struct sfdp_part* part) {
  static const uint32_t wake_up_unit_ns[] = {128, 1000, 8000, 64000};
  part->busy = SFDP_BUSY_STATUS_BIT0;
  part->quad_enable = SFDP_QUAD_UNKNOWN;
  if (basic->words >= 14) {
    const uint32_t word = dword(basic, 14);
    const uint32_t methods = field(word, 3, 2);
    if (methods != 0) part->busy = (uint8_t)methods;
    if ((word & 0x80000000u) == 0) {
      const uint32_t ns = (field(word, 12, 8) + 1) * wake_up_unit_ns[field(word, 14, 13)];
      part->wake_up_us = (ns + 999) / 1000;
    }
  }
  if (basic->words >= 15) {
    part->quad_enable = (enum sfdp_quad_enable)field(dword(basic, 15), 22, 20);
  }
  if (basic->words >= 16) {
    const uint32_t word = dword(basic, 16);
    part->soft_reset = field(word, 12, 12) != 0;
    part->enter_4byte = field(word, 24, 24) != 0;
    part->enter_4byte_wren = field(word, 25, 25) != 0;
  }
}

static void parse_4byte_opcodes(uint32_t word, struct sfdp_part* part) {
  part->has_4byte_opcodes = field(word, 1, 1) != 0 && field(word, 6, 6) != 0;
  part->has_read_1_1_4_4byte = field(word, 4, 4) != 0;
  part->has_program_1_1_4_4byte = field(word, 7, 7) != 0;
  part->has_program_1_4_4_4byte = field(word, 8, 8) != 0;
}

/* Table FF0A: up to four sequences of a length, up to seven bytes; the first byte is the highest of
 * its dword. One that has an instruction, four address bytes and a value is what we look for. */
static void parse_octal_enable(const struct table* sequences, struct sfdp_octal* octal) {
  for (uint32_t at = 1; at + 1 <= sequences->words; at += 2) {
    const uint32_t first = dword(sequences, at);
    const uint32_t second = dword(sequences, at + 1);
    if (field(first, 31, 24) != 6) continue;
    octal->enable_opcode = (uint8_t)field(first, 23, 16);
    octal->enable_address = field(first, 15, 0) << 16 | field(second, 31, 16);
    octal->enable_value = (uint8_t)field(second, 15, 8);
  }
}

static void parse_octal(const uint8_t* bytes, uint32_t size, const struct table* basic,
                        struct sfdp_octal* octal) {
  const struct table xspi = find_table(bytes, size, ID_XSPI_1);
  const struct table sequences = find_table(bytes, size, ID_OCTAL_DTR_SEQUENCES);
  const struct table map = find_table(bytes, size, ID_STATUS_CONTROL_MAP);
  if (basic->words < 18 || xspi.words < 4) return;
  octal->present = true;
  octal->inverse_extension = field(dword(basic, 18), 30, 29) == 1;
  octal->swapped = field(dword(basic, 18), 31, 31) != 0;
  octal->read_dtr_opcode = (uint8_t)field(dword(&xspi, 1), 15, 8);
  octal->read_dtr_dummies = (uint8_t)field(dword(&xspi, 4), 11, 7);
  octal->status_address_size = field(dword(&xspi, 1), 29, 29) != 0 ? 4 : 0;
  octal->status_dummies = field(dword(&xspi, 1), 28, 28) != 0 ? 8 : 4;
  octal->volatile_registers = dword(&map, 1);
  parse_octal_enable(&sequences, octal);
}

bool sfdp_parse(const uint8_t* bytes, uint32_t size, struct sfdp_part* part) {
  memset(part, 0, sizeof(*part));
  if (size < HEADER_SIZE || load_le32(bytes) != SIGNATURE) return false;
  const struct table basic = find_table(bytes, size, ID_BASIC);
  const struct table four_byte = find_table(bytes, size, ID_4BYTE);
  if (basic.words < 9) return false; /* every revision has nine */

  part->size = density_bytes(dword(&basic, 2));
  /* Below 64 KiB or no power of two: these are not the bytes of a flash. */
  if (part->size < 0x10000u || (part->size & (part->size - 1)) != 0) return false;
  const uint32_t address = field(dword(&basic, 1), 18, 17);
  part->address = address == 0   ? SFDP_ADDRESS_3
                  : address == 1 ? SFDP_ADDRESS_3_OR_4
                                 : SFDP_ADDRESS_4;
  parse_times(&basic, part);
  parse_erase_types(&basic, &four_byte, part);
  if (part->erase_types_count == 0) return false;
  const uint32_t support = dword(&basic, 1);
  part->read_1_4_4 = parse_read(field(support, 21, 21) != 0, field(dword(&basic, 3), 15, 0));
  part->read_1_1_4 = parse_read(field(support, 22, 22) != 0, field(dword(&basic, 3), 31, 16));
  parse_control(&basic, part);
  parse_4byte_opcodes(dword(&four_byte, 1), part);
  parse_octal(bytes, size, &basic, &part->octal);
  return true;
}
