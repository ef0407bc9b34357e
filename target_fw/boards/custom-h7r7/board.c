/* A board of one's own, as an example: STM32H7R7 without a crystal, 16 MB of quad NOR of 3.3 V on
 * XSPI1, which is wired to port 2 of the chip's pins. */
#include "target_fw/mcu/stm32h7rs/board.h"

const struct board board = {
    .name = "custom-h7r7",
    .manufacturer = "gangd",
    .product = "custom H7R7",
    .usb_vendor = 0x1209,
    .usb_product = 0x0001,
    .usb_release = 0x0100,
    .supply = BOARD_SUPPLY_LDO,
    /* Clock, chip select and four data lines: PN6, PN1, PN2 to PN5. */
    .nor = {.controller = 1, .port = 2, .lanes = 4, .pins = {{'N', 0x007e, 9}}},
    .nor_mode_max = NOR_QUAD,
    .stay = {.port = 'B', .pin = 2, .pressed_high = false},
    .header_address = 0x901f0000,
    .boot_hz = 50000000,
};
