/* The STM32H7S78-DK as somebody ships it who signs: a release build of its loaders. The secret half
 * of the key is in tests/unit/emu/resident_boot_test.cc. */
#include "target_fw/mcu/stm32h7rs/board.h"

static const uint8_t keys[1][32] = {{0xa2, 0xfa, 0x2f, 0x4a, 0x35, 0x5b, 0xa2, 0xe9,
                                     0x07, 0xa5, 0x30, 0x09, 0xe9, 0xe3, 0x7c, 0xad,
                                     0xdf, 0x7a, 0xc7, 0xe6, 0x6a, 0x08, 0xba, 0x07,
                                     0x63, 0x1f, 0x55, 0x30, 0x72, 0xb3, 0xf2, 0x4c}};

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
    .keys = keys,
    .keys_count = 1,
};
