/* Copy this folder, give it the name of your board, and put in what your schematic says. As it is,
 * it suits any board whose flash is on XSPI2 and port 2: one lane, pads at their slow speed, the
 * full-speed port that the ROM uses, no crystal. boards/README.md explains each field. */
#include "target_fw/mcu/stm32h7rs/board.h"

const struct board board = {
    .name = "template",
    .manufacturer = "your company",
    .product = "your board",
    .usb_vendor = 0x1209,
    .usb_product = 0x0001,
    .usb_release = 0x0100,
    .supply = BOARD_SUPPLY_LDO,
    /* PN1 chip select, PN2 and PN3 data, PN6 clock. */
    .nor = {.controller = 2, .port = 2, .lanes = 1, .pins = {{'N', 0x004e, 9}}},
    .nor_mode_max = NOR_SPI,
    .header_address = 0x700f0000,
    .boot_hz = 50000000,
};
