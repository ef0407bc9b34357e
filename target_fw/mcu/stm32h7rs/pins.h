/* The chip's pins. */
#ifndef GANGD_TARGET_FW_MCU_STM32H7RS_PINS_H
#define GANGD_TARGET_FW_MCU_STM32H7RS_PINS_H

#include <stdbool.h>

#include "target_fw/mcu/stm32h7rs/board.h"

/* Gives the pins to their function, fast and without pulls. */
void pins_connect(const struct board_pins* pins);
/* Whether the button is pressed now; false if there is none. */
bool pins_pressed(const struct board_button* button);

#endif
