/* NUCLEO-H7S3L8: STM32H7S3L8, 32 MB of octal NOR on XSPI2. Wiring: Zephyr's device tree of this
 * board. */
#include "target_fw/mcu/stm32h7rs/board.h"

const struct board board = {
    .name = "nucleo-h7s3l8",
    .manufacturer = "gangd",
    .product = "NUCLEO-H7S3L8",
    .usb_vendor = 0x1209,
    .usb_product = 0x0001,
    .usb_release = 0x0100,
    .supply = BOARD_SUPPLY_LDO,
    .crystal_hz = 24000000,
    .nor = {.controller = 2,
            .port = 2,
            .rail_1v8 = true,
            .lanes = 8,
            .data_strobe = true,
            .pins = {{'N', 0x0f7f, 9}}},
    .nor_mode_max = NOR_OCTAL_DTR,
    .stay = {.port = 'C', .pin = 13, .pressed_high = true},
    .header_address = 0x701f0000,
    .boot_hz = 100000000,
};
