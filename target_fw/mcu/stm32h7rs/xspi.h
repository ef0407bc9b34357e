/* The XSPI controllers as the bus of a serial flash (struct xspi_port), and memory-mapped. */
#ifndef GANGD_TARGET_FW_MCU_STM32H7RS_XSPI_H
#define GANGD_TARGET_FW_MCU_STM32H7RS_XSPI_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/mcu/stm32h7rs/board.h"
#include "target_fw/port.h"

struct xspi {
  struct xspi_port port;
  const struct board_xspi* wiring;
  uint32_t base;
  uint32_t window; /* where it is seen when it is mapped */
  uint32_t hz_max; /* of commands */
  bool mapped;     /* by read_mapped() */
};

/* In what order the bytes of a 16-bit word come in 8D-8D-8D, and what DQS means: MTYP of DCR1. */
enum xspi_memory {
  XSPI_MICRON = 0,
  XSPI_MACRONIX = 1, /* the bytes change places */
  XSPI_STANDARD = 2, /* they do not */
  XSPI_AP_MEMORY_16 = 6,
};

/* Switches on the controller, its port and its pins; the clock is 20 MHz or less. False: something
 * did not become ready. */
bool xspi_start(struct xspi* bus, const struct board_xspi* wiring);
/* As a reset leaves it. */
void xspi_stop(struct xspi* bus);
/* 2^this is the size, or the next above. */
uint32_t xspi_bits_of(uint32_t size);
/* Of 2^`address_bits` bytes. */
void xspi_set_memory(struct xspi* bus, enum xspi_memory kind, uint32_t address_bits);

/* The memory appears at bus->window, read by this command (its address, size and bytes count for
 * nothing), and written by `write`, if it is not NULL. */
bool xspi_map(struct xspi* bus, const struct xspi_command* read, const struct xspi_command* write);

/* Maps a flash for a program that runs in place. */
bool xspi_map_nor(struct xspi* bus, const struct xspi_map* map);

/* Starts the PSRAM that the board has, mapped and ready for use. */
bool psram_start(struct xspi* bus, const struct board* board);

#endif
