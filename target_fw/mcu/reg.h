/* Registers of a chip, by address. */
#ifndef GANGD_TARGET_FW_MCU_REG_H
#define GANGD_TARGET_FW_MCU_REG_H

#include <stdbool.h>
#include <stdint.h>

static inline __attribute__((always_inline)) uint32_t reg_read(uint32_t address) {
  return *(volatile uint32_t*)(uintptr_t)address;
}

static inline __attribute__((always_inline)) void reg_write(uint32_t address, uint32_t value) {
  *(volatile uint32_t*)(uintptr_t)address = value;
}

static inline __attribute__((always_inline)) uint8_t reg_read8(uint32_t address) {
  return *(volatile uint8_t*)(uintptr_t)address;
}

static inline __attribute__((always_inline)) void reg_write8(uint32_t address, uint8_t value) {
  *(volatile uint8_t*)(uintptr_t)address = value;
}

static inline __attribute__((always_inline)) void reg_set(uint32_t address, uint32_t bits) {
  reg_write(address, reg_read(address) | bits);
}

static inline __attribute__((always_inline)) void reg_clear(uint32_t address, uint32_t bits) {
  reg_write(address, reg_read(address) & ~bits);
}

/* The bits of `mask` become those of `value`, the others stay. */
static inline __attribute__((always_inline)) void reg_change(uint32_t address, uint32_t mask,
                                                             uint32_t value) {
  reg_write(address, (reg_read(address) & ~mask) | value);
}

/* Looks until the bits of `mask` are those of `value`, at most `looks` times: where there is no
 * clock yet to measure time with. False: they are not. */
static inline __attribute__((always_inline)) bool reg_wait(uint32_t address, uint32_t mask,
                                                           uint32_t value, uint32_t looks) {
  while (looks-- > 0) {
    if ((reg_read(address) & mask) == value) return true;
  }
  return false;
}

#endif
