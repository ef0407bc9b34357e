#include "target_fw/mcu/stm32h7rs/boot_flag.h"

#include "target_fw/mcu/armv7m/armv7m.h"
#include "target_fw/mcu/stm32h7rs/registers.h"

#define RSR_REMOVE (1u << 16)

static uint32_t backup(uint32_t number) {
  return TAMP_BKP0R + 4 * number;
}

static void store(uint32_t number, uint32_t value) {
  reg_write(backup(number), value);
  arm_data_barrier();
  (void)reg_read(backup(number));
}

void boot_flag_start(void) {
  reg_set(RCC_APB4ENR, RCC_APB4_RTC);
  (void)reg_read(RCC_APB4ENR);
  reg_set(PWR_CR1, PWR_CR1_DBP);
  reg_wait(PWR_CR1, PWR_CR1_DBP, PWR_CR1_DBP, 1000);
}

uint32_t boot_flag_take(void) {
  const uint32_t flag = reg_read(backup(BOOT_FLAG_REGISTER));
  store(BOOT_FLAG_REGISTER, 0);
  return flag;
}

void boot_flag_set(uint32_t flag) {
  store(BOOT_FLAG_REGISTER, flag);
}

uint32_t boot_marker_load(void) {
  return reg_read(backup(BOOT_MARKER_REGISTER));
}

void boot_marker_store(uint32_t marker) {
  store(BOOT_MARKER_REGISTER, marker);
}

uint32_t boot_reset_flags(void) {
  const uint32_t flags = reg_read(RCC_RSR);
  reg_set(RCC_RSR, RSR_REMOVE);
  return flags;
}
