/* What a board with an STM32H7R or H7S is: its rails, clocks, pins and parts. A folder of
 * target_fw/boards has one `const struct board board`; target_fw/boards/README.md explains each
 * field. */
#ifndef GANGD_TARGET_FW_MCU_STM32H7RS_BOARD_H
#define GANGD_TARGET_FW_MCU_STM32H7RS_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/nor.h"

/* Where the core's supply comes from: a wrong one may switch it off until the next power cycle. */
enum board_supply {
  BOARD_SUPPLY_LDO,
  BOARD_SUPPLY_SMPS,
  BOARD_SUPPLY_SMPS_LDO, /* the SMPS at 1.8 V, behind it the LDO */
  BOARD_SUPPLY_EXTERNAL,
};

/* Some pins of one port with the same function. */
struct board_pins {
  char port;        /* 'A' to 'P' */
  uint16_t pins;    /* bit n is pin n */
  uint8_t function; /* alternate function */
};
#define BOARD_PINS_MAX 3

struct board_button {
  char port; /* 0: there is none */
  uint8_t pin;
  bool pressed_high; /* else low; the pin is pulled the other way */
};

/* One serial memory, on one of the two controllers and one of the two ports of the chip. */
struct board_xspi {
  uint8_t controller; /* 1: seen at 0x90000000; 2: at 0x70000000; 0: there is no such memory */
  uint8_t port;       /* of the chip's pins: 1 is ports O and P, 2 is port N */
  /* The port's supply is 1.8 V, and its option bit (XSPI1_HSLV or XSPI2_HSLV) says so, too. Pads
   * made fast for 1.8 V are damaged by 3.3 V: when in doubt, false. */
  bool rail_1v8;
  uint8_t lanes;    /* that are wired: 1, 2, 4, 8; 16 for a PSRAM */
  bool data_strobe; /* DQS is wired */
  struct board_pins pins[BOARD_PINS_MAX];
};

struct board {
  const char* name;         /* of the folder */
  const char* manufacturer; /* as USB tells it */
  const char* product;
  uint16_t usb_vendor; /* your own; 1209:0001 (pid.codes) is for tests only */
  uint16_t usb_product;
  uint16_t usb_release;

  enum board_supply supply;
  uint32_t crystal_hz;    /* HSE: 16, 20, 24, 26 or 32 MHz for high speed; 0: there is none */
  bool crystal_is_signal; /* an oscillator's output on OSC_IN instead of a crystal */
  /* A second connector, wired to the high-speed controller. The loaders use it then, so that a unit
   * has two ports: that of the ROM, which is the full-speed one, and this one. */
  bool usb_high_speed;

  struct board_xspi nor;
  enum nor_mode nor_mode_max;
  struct board_xspi psram;
  uint32_t psram_size; /* bytes */

  /* The resident loader stays in DFU while it is pressed at reset. */
  struct board_button stay;

  /* Where the resident loader finds the application's boot header: in an erase block that holds
   * nothing else, of the external flash or of the internal one behind the loader. */
  uint32_t header_address;
  /* The clock at which the flash is mapped for an application that runs in place. */
  uint32_t boot_hz;
  /* A release: images must be signed by one of these keys (Ed25519, 32 bytes each), older ones than
   * were seen are refused, and what is in the memories is not given away. NULL: development. */
  const uint8_t (*keys)[32];
  uint8_t keys_count;
};

extern const struct board board;

#endif
