/* What a flash part does not say of itself: which family it is of, for the registers that JESD216
 * leaves to the makers; and all of it, for parts whose SFDP was left blank. */
#ifndef GANGD_TARGET_FW_CORE_NOR_PARTS_H
#define GANGD_TARGET_FW_CORE_NOR_PARTS_H

#include <stdint.h>

#include "target_fw/core/sfdp.h"

#define NOR_ID_SIZE 3

enum nor_family {
  NOR_FAMILY_PLAIN,              /* nothing but JESD216; failures show only when read back */
  NOR_FAMILY_MACRONIX_LOW_POWER, /* MX25R: a switch to high performance */
  NOR_FAMILY_MACRONIX_OCTAL,     /* MX25/66 LM, LW, UM, UW: CR2 */
  NOR_FAMILY_MICRON,             /* N25Q, MT25Q: the flag status register */
  NOR_FAMILY_WINBOND,            /* W25Q */
  NOR_FAMILY_ISSI,               /* IS25LP, IS25WP */
};

enum nor_family nor_family(const uint8_t id[NOR_ID_SIZE]);

/* The registers and instructions of a family; 0: it has none that we know. */
struct nor_traits {
  uint8_t protected_bits; /* of the status register: some block takes no writes */
  uint8_t flags;          /* opcode that reads how the last operation ended */
  uint8_t flags_clear;    /* opcode that forgets it; 0: the next operation does */
  /* Bits of that register. */
  uint8_t program_failed;
  uint8_t erase_failed;
  uint8_t refused;            /* protected, in a way that the status register does not show */
  uint8_t program_quad;       /* opcode on four lanes, with as many address bytes as one lane has */
  uint8_t program_quad_lanes; /* of its address */
};

const struct nor_traits* nor_traits(enum nor_family family);

/* Into how many banks of equal size it is divided, each readable while another is worked on. */
uint32_t nor_banks(const uint8_t id[NOR_ID_SIZE]);

/* The row of this JEDEC id, or NULL. */
const struct sfdp_part* nor_part_of_id(const uint8_t id[NOR_ID_SIZE]);

#endif
