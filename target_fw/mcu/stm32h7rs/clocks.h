/* Supply and clocks: from whatever the program before left to 400 MHz for the core, 200 MHz for the
 * buses and for the serial memories, all from the internal oscillator. */
#ifndef GANGD_TARGET_FW_MCU_STM32H7RS_CLOCKS_H
#define GANGD_TARGET_FW_MCU_STM32H7RS_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/mcu/stm32h7rs/board.h"

#define CLOCKS_CPU_HZ 400000000u
#define CLOCKS_XSPI_HZ 200000000u

/* False: a regulator or an oscillator did not become ready. */
bool clocks_start(const struct board* board);
/* Of USB: full speed, or high speed, which needs the crystal. */
bool clocks_start_usb(const struct board* board, bool high_speed);
/* Back to what a reset leaves, but for the supply: for the program that comes next. */
void clocks_stop(void);

#endif
