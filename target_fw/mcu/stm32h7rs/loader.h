/* What both loaders are made of: the chip brought up, its memories, and the main loop. */
#ifndef GANGD_TARGET_FW_MCU_STM32H7RS_LOADER_H
#define GANGD_TARGET_FW_MCU_STM32H7RS_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/device.h"
#include "target_fw/core/nor.h"
#include "target_fw/mcu/dwc2/dwc2.h"
#include "target_fw/mcu/stm32h7rs/flash.h"
#include "target_fw/mcu/stm32h7rs/xspi.h"

struct loader {
  struct xspi nor_bus;
  struct nor nor;
  struct flash flash;
  struct xspi psram_bus;
  struct dwc2 usb;
  struct device device;
  struct device_identity identity;
  struct memory memories[2];
  bool has_nor;   /* it answers */
  bool has_psram; /* it answers */
  uint32_t usb_line;
};

extern struct loader loader;

/* Clocks, caches, memory protection. Resets the chip if the clocks do not come up. */
void loader_start_chip(void);
/* The external flash, as often as it takes, up to `tries` times. */
void loader_start_nor(uint32_t tries);
/* The PSRAM, if the board has one: an application may have its stack there from the start. */
void loader_start_psram(void);
/* This part of the internal flash. */
void loader_start_flash(uint32_t address, uint32_t size, bool runs_here);

/* Shows the device on the bus. `nonce` and `leave` as in struct device_identity. */
__attribute__((noreturn)) void loader_run(const uint8_t* nonce, const struct dfu_leave* leave);

/* Reads flash of either kind. */
bool loader_read(uint32_t address, uint8_t* bytes, uint32_t size);
/* The external flash as an application will see it: mapped, at the clock of its boot. */
bool loader_read_booted(uint32_t address, uint8_t* bytes, uint32_t size);
/* Starts the program whose vector table lies there, and whose first stack pointer was looked at. In
 * internal flash it finds the chip as after a reset, as far as README.md says; elsewhere, or with
 * its stack in the PSRAM, it finds the external flash and the PSRAM mapped, those that answer. */
__attribute__((noreturn)) void loader_start_program(uint32_t vectors);

#endif
