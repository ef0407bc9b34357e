#include "target_fw/mcu/armv7m/armv7m.h"

#include <stddef.h>

#define SYST_ENABLE 1u
#define SYST_TICKINT 2u
#define SYST_CLKSOURCE 4u
#define MPU_ENABLE 1u
#define MPU_PRIVDEFENA 4u
#define RASR_ENABLE 1u

void arm_quiet(void) {
  arm_mask_interrupts();
  reg_write(ARM_SYST_CSR, 0);
  for (uint32_t line = 0; line < ARM_INTERRUPTS_MAX; line += 32) {
    reg_write(ARM_NVIC_ICER + line / 8, UINT32_MAX);
    reg_write(ARM_NVIC_ICPR + line / 8, UINT32_MAX);
  }
  arm_data_barrier();
  arm_instruction_barrier();
}

/* WFI ends also for an interrupt that is masked, so none is missed between the last look and it. */
void arm_sleep(uint32_t line) {
  arm_mask_interrupts();
  arm_enable_interrupt(line);
  arm_data_barrier();
  __asm volatile("wfi" ::: "memory");
  arm_unmask_interrupts();
  arm_instruction_barrier();
}

void arm_reset(void) {
  arm_data_barrier();
  reg_write(ARM_AIRCR, ARM_AIRCR_KEY | ARM_AIRCR_SYSRESETREQ);
  arm_data_barrier();
  for (;;) {
  }
}

/* --- caches */

/* Each line by its set and way, written back if it is to be; `first_off`: the cache is switched off
 * before. From there on nothing is called, and nothing kept on the stack: what is written past the
 * cache may lie in a line of it that is written back later, over it. */
static __attribute__((noinline)) void each_data_line(uint32_t operation, bool first_off) {
  reg_write(ARM_CSSELR, 0);
  arm_data_barrier();
  const uint32_t geometry = reg_read(ARM_CCSIDR);
  const uint32_t sets = (geometry >> 13 & 0x7fff) + 1;
  const uint32_t ways = (geometry >> 3 & 0x3ff) + 1;
  const uint32_t line_bits = (geometry & 7) + 4;
  uint32_t way_shift = 32;
  while (way_shift > 0 && 1u << (32 - way_shift) < ways) --way_shift;
  if (first_off) reg_clear(ARM_CCR, ARM_CCR_DC);
  arm_data_barrier();
  for (uint32_t set = 0; set < sets; ++set) {
    for (uint32_t way = 0; way < ways; ++way) {
      /* A shift by 32 is none in C; with one way there is nothing to shift. */
      const uint32_t way_bits = way_shift < 32 ? way << way_shift : 0;
      reg_write(operation, way_bits | set << line_bits);
    }
  }
  arm_data_barrier();
}

static void forget_instructions(void) {
  arm_data_barrier();
  arm_instruction_barrier();
  reg_write(ARM_ICIALLU, 0);
  arm_data_barrier();
  arm_instruction_barrier();
}

void arm_caches_off(void) {
  if ((reg_read(ARM_CCR) & ARM_CCR_DC) != 0) {
    each_data_line(ARM_DCCISW, true);
  }
  reg_clear(ARM_CCR, ARM_CCR_IC);
  forget_instructions();
}

void arm_caches_on(void) {
  forget_instructions();
  each_data_line(ARM_DCISW, false);
  reg_set(ARM_CCR, ARM_CCR_IC | ARM_CCR_DC);
  arm_data_barrier();
  arm_instruction_barrier();
}

/* --- memory protection */

void arm_mpu_region(uint32_t number, uint32_t address, uint32_t size_bits, uint32_t attributes) {
  reg_write(ARM_MPU_RNR, number);
  reg_write(ARM_MPU_RBAR, address);
  reg_write(ARM_MPU_RASR, attributes | (size_bits - 1) << 1 | RASR_ENABLE);
}

void arm_mpu_on(void) {
  arm_data_barrier();
  reg_write(ARM_MPU_CTRL, MPU_PRIVDEFENA | MPU_ENABLE);
  arm_data_barrier();
  arm_instruction_barrier();
}

void arm_mpu_off(void) {
  arm_data_barrier();
  reg_write(ARM_MPU_CTRL, 0);
  arm_data_barrier();
  arm_instruction_barrier();
}

/* --- the next program */

void arm_start_program(uint32_t vectors) {
  arm_quiet();
  arm_caches_off();
  arm_mpu_off();
  const uint32_t stack = reg_read(vectors);
  const uint32_t entry = reg_read(vectors + 4);
  reg_write(ARM_VTOR, vectors);
  arm_data_barrier();
  arm_instruction_barrier();
  /* After a reset interrupts are not masked. */
  __asm volatile(
      "msr msp, %0\n"
      "msr control, %2\n"
      "isb\n"
      "cpsie i\n"
      "bx %1\n" ::"r"(stack),
      "r"(entry), "r"(0)
      : "memory");
  __builtin_unreachable();
}

/* --- the clock */

static volatile uint32_t milliseconds;
static uint32_t cycles_in_us;
static uint32_t cycles_in_ms;

void arm_clock_start(uint32_t cpu_hz) {
  cycles_in_us = cpu_hz / 1000000;
  cycles_in_ms = cpu_hz / 1000;
  reg_write(ARM_SYST_RVR, cycles_in_ms - 1);
  reg_write(ARM_SYST_CVR, 0);
  reg_write(ARM_SYST_CSR, SYST_CLKSOURCE | SYST_TICKINT | SYST_ENABLE);
}

void arm_clock_tick(void) {
  ++milliseconds;
}

static uint32_t now_us(void* self) {
  (void)self;
  uint32_t ms;
  uint32_t left;
  bool pending;
  do {
    ms = milliseconds;
    left = reg_read(ARM_SYST_CVR);
    /* A tick that is not taken yet, because interrupts are masked. */
    pending = (reg_read(ARM_ICSR) & ARM_ICSR_PENDSTSET) != 0;
    if (pending) left = reg_read(ARM_SYST_CVR);
  } while (ms != milliseconds);
  if (pending) ++ms;
  return ms * 1000 + (cycles_in_ms - 1 - left) / cycles_in_us;
}

const struct clock_port arm_clock = {NULL, now_us};
