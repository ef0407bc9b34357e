/* STM32H7S78-DK: STM32H7S7L8, 128 MB of octal NOR on XSPI2, 32 MB of PSRAM on XSPI1. Wiring: ST's
 * board support package and Zephyr's device tree of this board. */
#include "target_fw/mcu/stm32h7rs/board.h"

const struct board board = {
    .name = "stm32h7s78-dk",
    .manufacturer = "gangd",
    .product = "STM32H7S78-DK",
    .usb_vendor = 0x1209,
    .usb_product = 0x0001,
    .usb_release = 0x0100,
    .supply = BOARD_SUPPLY_SMPS,
    .crystal_hz = 24000000,
    .crystal_is_signal = true,
    .usb_high_speed = false,
    .nor = {.controller = 2,
            .port = 2,
            .rail_1v8 = true,
            .lanes = 8,
            .data_strobe = true,
            .pins = {{'N', 0x0f7f, 9}}},
    .nor_mode_max = NOR_OCTAL_DTR,
    .psram = {.controller = 1,
              .port = 1,
              .rail_1v8 = true,
              .lanes = 16,
              .data_strobe = true,
              .pins = {{'O', 0x001d, 9}, {'P', 0xffff, 9}}},
    .psram_size = 32u << 20,
    .stay = {.port = 'C', .pin = 13, .pressed_high = false},
    .header_address = 0x701f0000,
    .boot_hz = 100000000,
};
