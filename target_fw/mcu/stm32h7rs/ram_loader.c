/* The RAM loader: comes over the ROM's DFU, leaves nothing in flash. */
#include <stddef.h>
#include <string.h>

#include "target_fw/core/crc32c.h"
#include "target_fw/mailbox.h"
#include "target_fw/mcu/armv7m/armv7m.h"
#include "target_fw/mcu/startup/startup.h"
#include "target_fw/mcu/stm32h7rs/loader.h"
#include "target_fw/mcu/stm32h7rs/registers.h"

#define NOR_TRIES 4u

static uint8_t nonce[MAILBOX_NONCE_SIZE];

/* The option bytes may have given the SRAM that holds our data to the DTCM: nothing can be done
 * here then. The ROM comes back, and the host finds no loader. The stack is in another SRAM. */
void startup_early(void) {
  arm_quiet();
  arm_caches_off();
  arm_mpu_off();
  const uint32_t share =
      (reg_read(FLASH_OBW2SR) & FLASH_OBW2_DTCM_AXI_SHARE) >> FLASH_OBW2_DTCM_AXI_SHARE_AT;
  if (share == 1 || share == 2) arm_reset();
}

void startup_fault(void) {
  arm_reset();
}

/* A mailbox is good for one start. */
static const uint8_t* take_nonce(void) {
  struct mailbox* mailbox = (struct mailbox*)(uintptr_t)MAILBOX_ADDRESS;
  const uint8_t* bytes = (const uint8_t*)mailbox;
  const bool good = mailbox->magic == MAILBOX_MAGIC && mailbox->version == MAILBOX_VERSION &&
                    mailbox->crc == crc32c_update(0, bytes, MAILBOX_AT_CRC);
  memcpy(nonce, mailbox->nonce, sizeof nonce);
  memset(mailbox, 0, sizeof *mailbox);
  return good ? nonce : NULL;
}

/* --- leaving: to a program in internal flash, or one that runs in place from the external one */

static bool is_in(uint32_t address, uint32_t begin, uint32_t size) {
  return address - begin < size;
}

/* The first stack pointer may be the end of a RAM. */
static bool is_stack(uint32_t address) {
  return address % 4 == 0 &&
         (is_in(address - 4, AXI_SRAM, AXI_SRAM_SIZE) || is_in(address - 4, DTCM, 3 * DTCM_SIZE) ||
          is_in(address - 4, AHB_SRAM, AHB_SRAM_SIZE) ||
          (loader.has_psram && is_in(address - 4, loader.psram_bus.window, board.psram_size)));
}

static enum dfu_status check(void* self, uint32_t address) {
  (void)self;
  uint8_t bytes[8];
  uint32_t stack;
  uint32_t entry;
  if (address % 128 != 0 || !loader_read(address, bytes, sizeof bytes)) return DFU_ERR_ADDRESS;
  memcpy(&stack, bytes, 4);
  memcpy(&entry, bytes + 4, 4);
  const bool is_internal = is_in(address, INTERNAL_FLASH, INTERNAL_FLASH_SIZE);
  const uint32_t begin = is_internal ? INTERNAL_FLASH : loader.nor.config.address;
  const uint32_t size = is_internal ? INTERNAL_FLASH_SIZE : loader.nor.part.size;
  const bool good = is_stack(stack) && (entry & 1) != 0 && is_in(entry, begin, size);
  return good ? DFU_OK : DFU_ERR_FIRMWARE;
}

static void jump(void* self, uint32_t address) {
  (void)self;
  loader_start_program(address);
}

static const struct dfu_leave leave = {NULL, check, jump, NULL};

void loader_main(void) {
  loader_start_chip();
  const uint8_t* start_nonce = take_nonce();
  loader_start_flash(INTERNAL_FLASH, INTERNAL_FLASH_SIZE, false);
  loader_start_nor(NOR_TRIES);
  loader_start_psram();
  loader_run(start_nonce, &leave);
}
