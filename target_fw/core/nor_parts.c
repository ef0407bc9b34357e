#include "target_fw/core/nor_parts.h"

#include <stddef.h>
#include <string.h>

#define MANUFACTURER_MACRONIX 0xc2

struct row {
  uint8_t id[NOR_ID_SIZE];
  struct sfdp_part part;
};

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
      .octal = {.present = true,
                .inverse_extension = true,
                .swapped = true,
                .read_dtr_opcode = 0xee,
                .read_dtr_dummies = 20,
                .status_address_size = 4,
                .status_dummies = 4,
                .enable_opcode = 0x72,
                .enable_address = 0,
                .enable_value = 2,
                .volatile_registers = 0}}},
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
};

enum nor_family nor_family(const uint8_t id[NOR_ID_SIZE]) {
  if (id[0] != MANUFACTURER_MACRONIX) return NOR_FAMILY_PLAIN;
  if (id[1] == 0x28) return NOR_FAMILY_MACRONIX_LOW_POWER;
  /* Linux macronix.c: 80h ... 86h and 94h are the octal families. */
  if (id[1] >= 0x80 && id[1] <= 0x9f) return NOR_FAMILY_MACRONIX_OCTAL;
  return NOR_FAMILY_PLAIN;
}

const struct sfdp_part* nor_part_of_id(const uint8_t id[NOR_ID_SIZE]) {
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (memcmp(rows[i].id, id, NOR_ID_SIZE) == 0) return &rows[i].part;
  }
  return NULL;
}
