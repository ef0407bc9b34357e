// An application that runs where it lies in external flash, and leaves a mark in RAM.
#include <stdint.h>

#define MARK ((volatile uint32_t*)0x20000100u)
#define MARK_RUNS 0x600d600du
#define VTOR (*(volatile uint32_t*)0xe000ed08u)

extern uint32_t stack_top[];

__attribute__((noreturn)) void reset_handler(void);
void reset_handler(void) {
  MARK[0] = MARK_RUNS;
  MARK[1] = (uint32_t)(uintptr_t)reset_handler & ~1u;
  MARK[2] = VTOR;
  for (;;) __asm__ volatile("wfi");
}

__attribute__((section(".vectors"), used)) static const struct {
  uint32_t* stack;
  void (*reset)(void);
} vectors = {stack_top, reset_handler};
