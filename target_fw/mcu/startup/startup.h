/* From the vector table to loader_main(). */
#ifndef GANGD_TARGET_FW_MCU_STARTUP_H
#define GANGD_TARGET_FW_MCU_STARTUP_H

#include <stdint.h>

/* The program: what is hashed as the device's own. By the linker script. */
extern const uint8_t image_begin[];
extern const uint8_t image_end[];

/* Called first of all, on the stack of the vector table, before data and bss are there: nothing
 * static may be used. */
__attribute__((used)) void startup_early(void);
__attribute__((noreturn)) void loader_main(void);
/* An exception that nobody expects, or an interrupt. */
void startup_fault(void);
void startup_usb_interrupt(uint32_t line);

#endif
