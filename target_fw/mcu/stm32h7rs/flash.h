/* The flash inside the chip as a memory: 8 sectors of 8 KB, written in words of 16 bytes, once
 * after each erase. */
#ifndef GANGD_TARGET_FW_MCU_STM32H7RS_FLASH_H
#define GANGD_TARGET_FW_MCU_STM32H7RS_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/memory.h"
#include "target_fw/port.h"

#define FLASH_SECTOR 8192u
#define FLASH_WORD 16u

enum flash_operation { FLASH_RESTS, FLASH_ERASES, FLASH_PROGRAMS };

struct flash {
  struct memory memory; /* valid after flash_start() */
  const struct clock_port* clock;
  /* The program runs from this flash, which cannot be read while it works: each step is waited for,
   * in RAM and without interrupts. */
  bool runs_here;
  enum memory_state state;
  enum dfu_status status;
  enum flash_operation operation;
  uint32_t at;
  uint32_t end; /* of what is erased or written */
  const uint8_t* bytes;
  uint32_t began_us; /* this step */
  enum dfu_status read_status;
};

/* The sectors of [address, address + size) are the memory; the others are never touched. */
void flash_start(struct flash* flash, const struct clock_port* clock, uint32_t address,
                 uint32_t size, bool runs_here);

/* False: a word cannot be read, because power failed while it was written or erased. What was
 * before it has been read. */
bool flash_read(uint32_t address, uint8_t* bytes, uint32_t size);
/* Programs one word, and waits. */
bool flash_program(uint32_t address, const uint8_t bytes[FLASH_WORD]);

#endif
