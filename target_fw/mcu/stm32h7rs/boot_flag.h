/* What goes over a reset: why it came, a wish to stay in DFU, and the boot's marker. */
#ifndef GANGD_TARGET_FW_MCU_STM32H7RS_BOOT_FLAG_H
#define GANGD_TARGET_FW_MCU_STM32H7RS_BOOT_FLAG_H

#include <stdbool.h>
#include <stdint.h>

/* Two backup registers of the TAMP unit, which only a loss of VDD and VBAT changes: writing them
 * needs PWR_CR1.DBP, and the clock of RTC and TAMP. An application that wants to be updated writes
 * the first and resets the chip. */
#define BOOT_FLAG_REGISTER 30u
#define BOOT_MARKER_REGISTER 31u
#define BOOT_FLAG_STAY 0x59415453u /* "STAY" */
/* The loader's own: it ended in a fault, while it looked at the image, or before. */
#define BOOT_FLAG_FAULT 0x544c4146u       /* "FALT" */
#define BOOT_FLAG_EARLY_FAULT 0x4c524145u /* "EARL" */

/* Makes the registers readable and writable. */
void boot_flag_start(void);
/* What the flag says; it is gone then. */
uint32_t boot_flag_take(void);
void boot_flag_set(uint32_t flag);
uint32_t boot_marker_load(void);
void boot_marker_store(uint32_t marker);

/* The reset flags of RCC since the last time; they are cleared. */
uint32_t boot_reset_flags(void);
#define BOOT_RESET_BROWN_OUT (1u << 21)
#define BOOT_RESET_PIN (1u << 22)
#define BOOT_RESET_POWER (1u << 23)
#define BOOT_RESET_SOFTWARE (1u << 24)
#define BOOT_RESET_IWDG (1u << 26)
#define BOOT_RESET_WWDG (1u << 28)
#define BOOT_RESET_LOW_POWER (1u << 30)

#endif
