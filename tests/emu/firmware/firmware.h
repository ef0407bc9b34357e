// What the small programs for the emulator share: the CPU's registers, and how a check ends.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define REG(address) (*(volatile uint32_t*)(address))
#define SYST_CSR REG(0xe000e010u)
#define SYST_RVR REG(0xe000e014u)
#define SYST_CVR REG(0xe000e018u)
#define NVIC_ISER(n) REG(0xe000e100u + 4u * (n))
#define NVIC_ICER(n) REG(0xe000e180u + 4u * (n))
#define NVIC_ISPR(n) REG(0xe000e200u + 4u * (n))
#define NVIC_ICPR(n) REG(0xe000e280u + 4u * (n))
#define NVIC_IABR(n) REG(0xe000e300u + 4u * (n))
#define NVIC_IPR(line) (*(volatile uint8_t*)(0xe000e400u + (line)))
#define ICSR REG(0xe000ed04u)
#define AIRCR REG(0xe000ed0cu)
#define SCR REG(0xe000ed10u)
#define CCR REG(0xe000ed14u)
#define SHPR(exception) (*(volatile uint8_t*)(0xe000ed14u + (exception)))
#define SHCSR REG(0xe000ed24u)
#define CFSR REG(0xe000ed28u)
#define HFSR REG(0xe000ed2cu)
#define MMFAR REG(0xe000ed34u)
#define BFAR REG(0xe000ed38u)
#define MPU_CTRL REG(0xe000ed94u)
#define MPU_RNR REG(0xe000ed98u)
#define MPU_RBAR REG(0xe000ed9cu)
#define MPU_RASR REG(0xe000eda0u)

#define ICSR_PENDSVSET (1u << 28)
#define ICSR_PENDSTSET (1u << 26)

// Of the linker.
extern uint32_t stack_top[];

// What a test writes down as it goes: compared with what the other machine wrote, and with what
// is expected.
#define DIARY_MAX 512u
extern volatile uint32_t diary[DIARY_MAX];
extern volatile uint32_t diary_count;

void note(uint32_t word);
// Ends the program.
void passed(void) __attribute__((noreturn));
void failed(void) __attribute__((noreturn));
#define EXPECT(condition)       \
  do {                          \
    if (!(condition)) failed(); \
  } while (0)

void run(void);

static inline uint32_t read_ipsr(void) {
  uint32_t value;
  __asm__ volatile("mrs %0, ipsr" : "=r"(value));
  return value;
}
static inline uint32_t read_control(void) {
  uint32_t value;
  __asm__ volatile("mrs %0, control" : "=r"(value));
  return value;
}
static inline void write_control(uint32_t value) {
  __asm__ volatile("msr control, %0\n\tisb" : : "r"(value) : "memory");
}
static inline void write_basepri(uint32_t value) {
  __asm__ volatile("msr basepri, %0" : : "r"(value) : "memory");
}
static inline void write_psp(uint32_t value) {
  __asm__ volatile("msr psp, %0" : : "r"(value));
}
static inline uint32_t read_psp(void) {
  uint32_t value;
  __asm__ volatile("mrs %0, psp" : "=r"(value));
  return value;
}
static inline void disable_interrupts(void) {
  __asm__ volatile("cpsid i" : : : "memory");
}
static inline void enable_interrupts(void) {
  __asm__ volatile("cpsie i" : : : "memory");
}
static inline void barrier(void) {
  __asm__ volatile("dsb\n\tisb" : : : "memory");
}
static inline void wait_for_interrupt(void) {
  __asm__ volatile("wfi" : : : "memory");
}
