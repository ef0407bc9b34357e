/* A serial-flash chip of 16 MiB that is RAM: it knows the commands that the driver uses for its
 * part and counts every other, so that the driver runs on this machine as on a board. */
#ifndef GANGD_TARGET_FW_MCU_AN500_CHIP_H
#define GANGD_TARGET_FW_MCU_AN500_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/port.h"

struct chip {
  const struct clock_port* clock;
  bool write_enabled;
  bool busy;
  uint32_t since_us;
  uint32_t for_us;
  uint32_t mistakes; /* commands in a wrong form, while it was busy, or without a write enable */
};

struct xspi_port chip_port(struct chip* chip, const struct clock_port* clock);

#endif
