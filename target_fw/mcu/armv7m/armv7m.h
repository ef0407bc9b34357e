/* The core around the instructions: exceptions, sleep, caches, memory protection, a clock.
 * Cortex-M7 with 16 MPU regions or fewer. Figures: ARMv7-M architecture reference manual, Cortex-M7
 * technical reference manual. */
#ifndef GANGD_TARGET_FW_MCU_ARMV7M_H
#define GANGD_TARGET_FW_MCU_ARMV7M_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/mcu/reg.h"
#include "target_fw/port.h"

enum {
  ARM_SYST_CSR = 0xe000e010,
  ARM_SYST_RVR = 0xe000e014,
  ARM_SYST_CVR = 0xe000e018,
  ARM_NVIC_ISER = 0xe000e100,
  ARM_NVIC_ICER = 0xe000e180,
  ARM_NVIC_ICPR = 0xe000e280,
  ARM_ICSR = 0xe000ed04,
  ARM_VTOR = 0xe000ed08,
  ARM_AIRCR = 0xe000ed0c,
  ARM_CCR = 0xe000ed14,
  ARM_CCSIDR = 0xe000ed80,
  ARM_CSSELR = 0xe000ed84,
  ARM_MPU_CTRL = 0xe000ed94,
  ARM_MPU_RNR = 0xe000ed98,
  ARM_MPU_RBAR = 0xe000ed9c,
  ARM_MPU_RASR = 0xe000eda0,
  ARM_ICIALLU = 0xe000ef50,
  ARM_DCISW = 0xe000ef60,
  ARM_DCCISW = 0xe000ef74,
};

#define ARM_ICSR_PENDSTSET (1u << 26)
#define ARM_AIRCR_KEY 0x05fa0000u
#define ARM_AIRCR_SYSRESETREQ (1u << 2)
#define ARM_CCR_BFHFNMIGN (1u << 8)
#define ARM_CCR_DC (1u << 16)
#define ARM_CCR_IC (1u << 17)
#define ARM_INTERRUPTS_MAX 160u

static inline void arm_mask_interrupts(void) {
  __asm volatile("cpsid i" ::: "memory");
}

static inline void arm_unmask_interrupts(void) {
  __asm volatile("cpsie i" ::: "memory");
}

static inline void arm_mask_faults(void) {
  __asm volatile("cpsid f" ::: "memory");
}

static inline void arm_unmask_faults(void) {
  __asm volatile("cpsie f" ::: "memory");
}

static inline void arm_data_barrier(void) {
  __asm volatile("dsb" ::: "memory");
}

static inline void arm_instruction_barrier(void) {
  __asm volatile("isb" ::: "memory");
}

static inline void arm_enable_interrupt(uint32_t line) {
  reg_write(ARM_NVIC_ISER + line / 32 * 4, 1u << line % 32);
}

static inline void arm_disable_interrupt(uint32_t line) {
  reg_write(ARM_NVIC_ICER + line / 32 * 4, 1u << line % 32);
  arm_data_barrier();
  arm_instruction_barrier();
}

/* As after a reset: no interrupt is enabled or pending, SysTick stands still. Interrupts are masked
 * when it returns. */
void arm_quiet(void);
/* Sleeps until the interrupt of this line or SysTick, which are taken before it returns. */
void arm_sleep(uint32_t line);
__attribute__((noreturn)) void arm_reset(void);

/* Caches off and empty; what was in the data cache is in memory. */
void arm_caches_off(void);
void arm_caches_on(void);

/* A region of the MPU of 2^`size_bits` bytes, 8 to 32; `attributes` are those of RASR without its
 * size and enable bits. */
#define ARM_RASR_NEVER_RUN (1u << 28)
/* Nobody may; nor may anything be fetched ahead. */
#define ARM_RASR_NO_ACCESS (ARM_RASR_NEVER_RUN | 0u << 24)
#define ARM_RASR_DEVICE (ARM_RASR_NEVER_RUN | 3u << 24 | 1u << 16) /* nor is it read ahead */
#define ARM_RASR_UNCACHED (3u << 24 | 1u << 19) /* normal memory, read and write */
#define ARM_RASR_WITHOUT(subregions) ((uint32_t)(subregions) << 8)
void arm_mpu_region(uint32_t number, uint32_t address, uint32_t size_bits, uint32_t attributes);
/* Where no region is, privileged code has the default map. */
void arm_mpu_on(void);
void arm_mpu_off(void);

/* Goes to the program whose vector table lies there, as the reset does. */
__attribute__((noreturn)) void arm_start_program(uint32_t vectors);

/* SysTick as a clock that counts microseconds from now on; its interrupt comes each millisecond. */
void arm_clock_start(uint32_t cpu_hz);
void arm_clock_tick(void); /* the handler of SysTick */
extern const struct clock_port arm_clock;

#endif
