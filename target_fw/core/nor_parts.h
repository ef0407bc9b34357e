/* What a flash part does not say of itself: which family it is of, for the registers that JESD216
 * leaves to the makers; and all of it, for parts whose SFDP was left blank. */
#ifndef GANGD_TARGET_FW_CORE_NOR_PARTS_H
#define GANGD_TARGET_FW_CORE_NOR_PARTS_H

#include <stdint.h>

#include "target_fw/core/sfdp.h"

#define NOR_ID_SIZE 3

enum nor_family {
  NOR_FAMILY_PLAIN,              /* nothing but JESD216; failures show only when read back */
  NOR_FAMILY_MACRONIX_LOW_POWER, /* MX25R: fail flags, 4PP, a switch to high performance */
  NOR_FAMILY_MACRONIX_OCTAL,     /* MX25/66 LM, LW, UM, UW: fail flags, CR2 */
};

enum nor_family nor_family(const uint8_t id[NOR_ID_SIZE]);

/* The row of this JEDEC id, or NULL. */
const struct sfdp_part* nor_part_of_id(const uint8_t id[NOR_ID_SIZE]);

#endif
