#include "target_fw/mcu/stm32h7rs/loader.h"

#include <stddef.h>

#include "target_fw/core/bytes.h"
#include "target_fw/mcu/armv7m/armv7m.h"
#include "target_fw/mcu/startup/startup.h"
#include "target_fw/mcu/stm32h7rs/clocks.h"
#include "target_fw/mcu/stm32h7rs/pins.h"
#include "target_fw/mcu/stm32h7rs/registers.h"

/* The eighths of the map that hold no external memory: below 0x60000000, and the last one. */
#define ALL_BUT_EXTERNAL 0x87u

/* The program that comes next finds USB as a reset leaves it. */
#define USB_RESETS (RCC_AHB1_USB_FS | RCC_AHB1_USB_HS | RCC_AHB1_USB_PHY)

/* Sleeping is worth it when at least a tick of the clock would pass. */
#define SLEEP_MIN_US 1000u

/* Full speed: 320 words of FIFO; the reference manual has the device need at least 10 words for
 * SETUP packets, one for the global NAK, and two for each packet with its status. High speed: 1024
 * words, of which two packets of 512 bytes fit into what receives. */
static const struct dwc2_config usb_full_speed = {
    .base = USB_FS_BASE, .high_speed = false, .receive_words = 128, .send_words = {64, 128}};
static const struct dwc2_config usb_high_speed = {
    .base = USB_HS_BASE, .high_speed = true, .receive_words = 448, .send_words = {64, 512}};

static const struct board_pins usb_pins = {'M', 1u << 11 | 1u << 12, 10};

struct loader loader;

void startup_usb_interrupt(uint32_t line) {
  arm_disable_interrupt(line); /* it has ended the sleep: the main loop looks */
}

/* --- the chip */

/* The internal flash is read past the caches, for it changes under them; but not where this program
 * itself runs from it. By the default map the CPU would read ahead, and fetch, also where a read
 * hangs the bus, in the OTP area, whose words may be broken, and in the ROM. */
static void protect_memory(void) {
  const bool runs_in_flash = (uint32_t)(uintptr_t)image_begin == INTERNAL_FLASH;
  const uint32_t own = runs_in_flash ? 0x1f : 0; /* 5 of 8 sectors */
  arm_mpu_region(0, 0, 32, ARM_RASR_NO_ACCESS | ARM_RASR_WITHOUT(ALL_BUT_EXTERNAL));
  arm_mpu_region(1, INTERNAL_FLASH, 16, ARM_RASR_UNCACHED | ARM_RASR_WITHOUT(own));
  arm_mpu_region(3, BUS_HANGS, BUS_HANGS_BITS, ARM_RASR_NO_ACCESS);
  arm_mpu_region(4, CHIP_OTP, CHIP_OTP_BITS, ARM_RASR_DEVICE);
  arm_mpu_region(5, CHIP_ROM, CHIP_ROM_BITS, ARM_RASR_NO_ACCESS);
  arm_mpu_on();
}

void loader_start_chip(void) {
  if (!clocks_start(&board)) arm_reset();
  arm_clock_start(CLOCKS_CPU_HZ);
  protect_memory();
  arm_caches_on();
  arm_unmask_interrupts();
}

static void read_identity(const uint8_t* nonce, const struct dfu_leave* leave) {
  struct device_identity* identity = &loader.identity;
  *identity = (struct device_identity){
      .usb_vendor = board.usb_vendor,
      .usb_product = board.usb_product,
      .usb_release = board.usb_release,
      .manufacturer = board.manufacturer,
      .product = board.product,
      .program = image_begin,
      .program_size = (uint32_t)(image_end - image_begin),
      .chip = reg_read(DBGMCU_IDCODE),
      .board = board.name,
      .start_nonce = nonce,
      .leave = leave,
  };
  for (uint32_t i = 0; i < DEVICE_UID_SIZE; i += 4) {
    store_le32(identity->uid + i, reg_read(CHIP_UID + i));
  }
}

/* --- the memories */

void loader_start_nor(uint32_t tries) {
  const struct nor_config config = {
      .clock = &arm_clock,
      .bus = &loader.nor_bus.port,
      .name = "External Flash",
      .address = board.nor.controller == 1 ? XSPI1_WINDOW : XSPI2_WINDOW,
      .mode_max = board.nor_mode_max,
      .boot_hz = board.boot_hz,
  };
  loader.has_nor = false;
  if (board.nor.controller == 0 || !xspi_start(&loader.nor_bus, &board.nor)) return;
  while (tries-- > 0 && !loader.has_nor) loader.has_nor = nor_start(&loader.nor, &config) == DFU_OK;
}

void loader_start_psram(void) {
  loader.has_psram = board.psram.controller != 0 && psram_start(&loader.psram_bus, &board);
}

void loader_start_flash(uint32_t address, uint32_t size, bool runs_here) {
  flash_start(&loader.flash, &arm_clock, address, size, runs_here);
}

static bool read_nor(const struct memory* nor, uint32_t address, uint8_t* bytes, uint32_t size) {
  return loader.has_nor && nor != NULL && nor->read(nor->self, address, bytes, size) == DFU_OK;
}

bool loader_read(uint32_t address, uint8_t* bytes, uint32_t size) {
  if (address - INTERNAL_FLASH < INTERNAL_FLASH_SIZE) return flash_read(address, bytes, size);
  return read_nor(&loader.nor.memory, address, bytes, size);
}

bool loader_read_booted(uint32_t address, uint8_t* bytes, uint32_t size) {
  return read_nor(loader.nor.memory.as_booted, address, bytes, size);
}

/* --- the main loop */

static void start_usb(void) {
  const bool high_speed = board.usb_high_speed && clocks_start_usb(&board, true);
  if (!high_speed) {
    pins_connect(&usb_pins);
    if (!clocks_start_usb(&board, false)) arm_reset();
  }
  const struct dwc2_config* config = high_speed ? &usb_high_speed : &usb_full_speed;
  loader.usb_line = high_speed ? USB_HS_INTERRUPT : USB_FS_INTERRUPT;
  loader.identity.high_speed = high_speed;
  if (!dwc2_start(&loader.usb, config, &loader.device.usb)) arm_reset();
}

void loader_run(const uint8_t* nonce, const struct dfu_leave* leave) {
  uint8_t count = 0;
  read_identity(nonce, leave);
  if (loader.has_nor) loader.memories[count++] = loader.nor.memory;
  loader.memories[count++] = loader.flash.memory;
  if (board.keys_count > 0) {
    for (uint8_t i = 0; i < count; ++i) loader.memories[i].readable = false;
  }
  start_usb();
  device_init(&loader.device, &loader.identity, &arm_clock, &loader.usb.port, loader.memories,
              count);
  for (;;) {
    dwc2_poll(&loader.usb);
    const uint32_t wait_us = device_poll(&loader.device);
    reg_write(IWDG_KR, IWDG_KEY_RELOAD); /* an option bit may have started it */
    if (wait_us >= SLEEP_MIN_US && !dwc2_is_filling(&loader.usb)) arm_sleep(loader.usb_line);
  }
}

/* --- the next program */

void loader_start_program(uint32_t vectors) {
  reg_set(RCC_AHB1ENR, USB_RESETS);
  reg_set(RCC_AHB1RSTR, USB_RESETS);
  reg_clear(RCC_AHB1RSTR, USB_RESETS);
  reg_clear(RCC_AHB1ENR, USB_RESETS);
  reg_set(RCC_AHB2ENR, RCC_AHB2_SRAM); /* its first stack may be there */
  const bool is_internal = vectors - INTERNAL_FLASH < INTERNAL_FLASH_SIZE;
  if (is_internal && reg_read(vectors) < XSPI2_WINDOW) {
    if (loader.has_nor) {
      nor_release(&loader.nor);
      xspi_stop(&loader.nor_bus);
    }
    if (board.psram.controller != 0) xspi_stop(&loader.psram_bus);
    clocks_stop();
  } else if (loader.has_nor) {
    const struct xspi_map map = nor_map(&loader.nor);
    xspi_map_nor(&loader.nor_bus, &map);
  }
  arm_start_program(vectors);
}
