#include "target_fw/core/nor_parts.h"

#include <stddef.h>
#include <string.h>

enum {
  MANUFACTURER_MICRON = 0x20,
  MANUFACTURER_ISSI = 0x9d,
  MANUFACTURER_MACRONIX = 0xc2,
  MANUFACTURER_WINBOND = 0xef,
};

struct row {
  uint8_t id[NOR_ID_SIZE];
  struct sfdp_part part;
};

/* As the Macronix octal parts with SFDP have it; assumed of the one without. */
#define MACRONIX_OCTAL        \
  {.present = true,           \
   .inverse_extension = true, \
   .swapped = true,           \
   .read_dtr_opcode = 0xee,   \
   .read_dtr_dummies = 20,    \
   .status_address_size = 4,  \
   .status_dummies = 4,       \
   .enable_opcode = 0x72,     \
   .enable_address = 0,       \
   .enable_value = 2,         \
   .volatile_registers = 0}

/* The figures are those that these parts state where their SFDP is not blank; their sources are in
 * tests/model/parts.toml, and a test holds the two together. */
static const struct row rows[] = {
    {{0xc2, 0x81, 0x3b}, /* MX66UW1G45G */
     {.size = 128u << 20,
      .page_size = 256,
      .address = SFDP_ADDRESS_3_OR_4,
      .has_times = true,
      .page_typical_us = 152,
      .page_max_us = 4864,
      .chip_erase_typical_ms = 192000,
      .chip_erase_max_ms = 4608000,
      .erase_types_count = 2,
      .erase_types = {{4096, 0x20, 0x21, 25, 600}, {65536, 0xd8, 0xdc, 256, 6144}},
      .quad_enable = SFDP_QUAD_NO_BIT,
      .busy = SFDP_BUSY_STATUS_BIT0,
      .soft_reset = true,
      .wake_up_us = 30,
      .has_4byte_opcodes = true,
      .octal = MACRONIX_OCTAL}},
    {{0xc2, 0x81, 0x39}, /* MX25UW25645G */
     {.size = 32u << 20,
      .page_size = 256,
      .address = SFDP_ADDRESS_3_OR_4,
      .has_times = true,
      .page_typical_us = 152,
      .page_max_us = 4256,
      .chip_erase_typical_ms = 76000,
      .chip_erase_max_ms = 1520000,
      .erase_types_count = 2,
      .erase_types = {{4096, 0x20, 0x21, 25, 500}, {65536, 0xd8, 0xdc, 256, 5120}},
      .quad_enable = SFDP_QUAD_NO_BIT,
      .busy = SFDP_BUSY_STATUS_BIT0,
      .soft_reset = true,
      .wake_up_us = 30,
      .has_4byte_opcodes = true,
      .octal = MACRONIX_OCTAL}},
    {{0xc2, 0x85, 0x3a}, /* MX25LM51245G, whose SFDP is blank on older chips */
     {.size = 64u << 20,
      .page_size = 256,
      .address = SFDP_ADDRESS_3_OR_4,
      .has_times = true,
      .page_typical_us = 152,
      .page_max_us = 4864,
      .chip_erase_typical_ms = 96000,
      .chip_erase_max_ms = 2304000,
      .erase_types_count = 2,
      .erase_types = {{4096, 0x20, 0x21, 25, 600}, {65536, 0xd8, 0xdc, 256, 6144}},
      .quad_enable = SFDP_QUAD_NO_BIT,
      .busy = SFDP_BUSY_STATUS_BIT0,
      .soft_reset = true,
      .wake_up_us = 30,
      .has_4byte_opcodes = true,
      .octal = MACRONIX_OCTAL}},
    {{0xc2, 0x28, 0x17}, /* MX25R6435F */
     {.size = 8u << 20,
      .page_size = 256,
      .address = SFDP_ADDRESS_3,
      .has_times = true,
      .page_typical_us = 896,
      .page_max_us = 5376,
      .chip_erase_typical_ms = 52000,
      .chip_erase_max_ms = 416000,
      .erase_types_count = 3,
      .erase_types = {{4096, 0x20, 0, 48, 384},
                      {32768, 0x52, 0, 240, 1920},
                      {65536, 0xd8, 0, 480, 3840}},
      .read_1_1_4 = {0x6b, 8},
      .read_1_4_4 = {0xeb, 6},
      .quad_enable = SFDP_QUAD_SR1_BIT6,
      .busy = SFDP_BUSY_STATUS_BIT0,
      .soft_reset = true,
      .wake_up_us = 40}},
    {{0x20, 0xba, 0x20}, /* MT25QL512A */
     {.size = 64u << 20,
      .page_size = 256,
      .address = SFDP_ADDRESS_3_OR_4,
      .has_times = true,
      .page_typical_us = 120,
      .page_max_us = 2880,
      .chip_erase_typical_ms = 128000,
      .chip_erase_max_ms = 1280000,
      .erase_types_count = 3,
      .erase_types = {{4096, 0x20, 0x21, 48, 480},
                      {32768, 0x52, 0, 112, 1120},
                      {65536, 0xd8, 0xdc, 160, 1600}},
      .read_1_1_4 = {0x6b, 8},
      .read_1_4_4 = {0xeb, 10},
      .quad_enable = SFDP_QUAD_NO_BIT,
      .busy = SFDP_BUSY_FLAG_STATUS_BIT7,
      .soft_reset = true,
      .wake_up_us = 30,
      .has_4byte_opcodes = true,
      .has_read_1_1_4_4byte = true,
      .has_program_1_1_4_4byte = true,
      .has_program_1_4_4_4byte = true,
      .enter_4byte_wren = true}},
    {{0xef, 0x40, 0x18}, /* W25Q128JV */
     {.size = 16u << 20,
      .page_size = 256,
      .address = SFDP_ADDRESS_3,
      .has_times = true,
      .page_typical_us = 704,
      .page_max_us = 4224,
      .chip_erase_typical_ms = 40000,
      .chip_erase_max_ms = 560000,
      .erase_types_count = 3,
      .erase_types = {{4096, 0x20, 0, 64, 896},
                      {32768, 0x52, 0, 128, 1792},
                      {65536, 0xd8, 0, 160, 2240}},
      .read_1_1_4 = {0x6b, 8},
      .read_1_4_4 = {0xeb, 6},
      .quad_enable = SFDP_QUAD_SR2_BIT1_KEEPS,
      .busy = SFDP_BUSY_STATUS_BIT0,
      .soft_reset = true,
      .wake_up_us = 3}},
    {{0x9d, 0x60, 0x17}, /* IS25LP064A */
     {.size = 8u << 20,
      .page_size = 256,
      .address = SFDP_ADDRESS_3,
      .has_times = true,
      .page_typical_us = 200,
      .page_max_us = 1200,
      .chip_erase_typical_ms = 20000,
      .chip_erase_max_ms = 160000,
      .erase_types_count = 3,
      .erase_types = {{4096, 0x20, 0, 48, 384},
                      {32768, 0x52, 0, 160, 1280},
                      {65536, 0xd8, 0, 304, 2432}},
      .read_1_1_4 = {0x6b, 8},
      .read_1_4_4 = {0xeb, 6},
      .quad_enable = SFDP_QUAD_SR1_BIT6,
      .busy = SFDP_BUSY_STATUS_BIT0,
      .soft_reset = true,
      .wake_up_us = 15}},
};

enum nor_family nor_family(const uint8_t id[NOR_ID_SIZE]) {
  switch (id[0]) {
    case MANUFACTURER_MACRONIX:
      if (id[1] == 0x28) return NOR_FAMILY_MACRONIX_LOW_POWER;
      /* Linux macronix.c: 80h ... 86h and 94h are the octal families. */
      return id[1] >= 0x80 && id[1] <= 0x9f ? NOR_FAMILY_MACRONIX_OCTAL : NOR_FAMILY_PLAIN;
    case MANUFACTURER_MICRON:
      /* Linux micron-st.c: BAh (3 V) and BBh (1.8 V); older ones have no flag status register. */
      return id[1] == 0xba || id[1] == 0xbb ? NOR_FAMILY_MICRON : NOR_FAMILY_PLAIN;
    case MANUFACTURER_WINBOND:
      return NOR_FAMILY_WINBOND;
    case MANUFACTURER_ISSI:
      return NOR_FAMILY_ISSI;
    default:
      return NOR_FAMILY_PLAIN;
  }
}

/* The sources are in tests/model/parts.toml. */
static const struct nor_traits traits[] = {
    [NOR_FAMILY_PLAIN] = {.protected_bits = 0},
    [NOR_FAMILY_MACRONIX_LOW_POWER] = {.protected_bits = 0x3c,
                                       .flags = 0x2b,
                                       .program_failed = 0x20,
                                       .erase_failed = 0x40,
                                       .program_quad = 0x38,
                                       .program_quad_lanes = 4},
    [NOR_FAMILY_MACRONIX_OCTAL] = {.protected_bits = 0x3c,
                                   .flags = 0x2b,
                                   .program_failed = 0x20,
                                   .erase_failed = 0x40},
    [NOR_FAMILY_MICRON] = {.protected_bits = 0x5c,
                           .flags = 0x70,
                           .flags_clear = 0x50,
                           .program_failed = 0x10,
                           .erase_failed = 0x20,
                           .refused = 0x02,
                           .program_quad = 0x32,
                           .program_quad_lanes = 1},
    [NOR_FAMILY_WINBOND] = {.protected_bits = 0x1c, .program_quad = 0x32, .program_quad_lanes = 1},
    [NOR_FAMILY_ISSI] = {.protected_bits = 0x3c, .program_quad = 0x32, .program_quad_lanes = 1},
};

const struct nor_traits* nor_traits(enum nor_family family) {
  return &traits[family];
}

/* J. Liao (Macronix) on the linux-mtd list, 1 February 2024: LW and UW read while they write, and
 * have four banks, LM and UM do not. The second byte is 81h or 84h for UW, 86h for LW. */
uint32_t nor_banks(const uint8_t id[NOR_ID_SIZE]) {
  const bool rww =
      id[0] == MANUFACTURER_MACRONIX && (id[1] == 0x81 || id[1] == 0x84 || id[1] == 0x86);
  return rww ? 4 : 1;
}

const struct sfdp_part* nor_part_of_id(const uint8_t id[NOR_ID_SIZE]) {
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (memcmp(rows[i].id, id, NOR_ID_SIZE) == 0) return &rows[i].part;
  }
  return NULL;
}
