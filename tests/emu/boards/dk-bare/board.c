/* The STM32H7S78-DK as if it had no external flash, and a PSRAM whose DQS is not wired: all is in
 * the internal flash. */
#include "target_fw/mcu/stm32h7rs/board.h"

const struct board board = {
    .name = "stm32h7s78-dk",
    .manufacturer = "gangd",
    .product = "STM32H7S78-DK",
    .usb_vendor = 0x1209,
    .usb_product = 0x0001,
    .usb_release = 0x0100,
    .supply = BOARD_SUPPLY_SMPS,
    .usb_high_speed = false,
    .psram = {.controller = 1,
              .port = 1,
              .rail_1v8 = true,
              .lanes = 16,
              .data_strobe = false,
              .pins = {{'O', 0x001d, 9}, {'P', 0xffff, 9}}},
    .psram_size = 32u << 20,
    .stay = {.port = 'C', .pin = 13, .pressed_high = false},
    .header_address = 0x0800e000,
};
