/* The vector table and the first instructions, for a Cortex-M7 that was started by a reset or by
 * another program. */
#include <stdint.h>

#include "target_fw/mcu/armv7m/armv7m.h"
#include "target_fw/mcu/startup/startup.h"

extern uint32_t stack_top[];
extern uint32_t data_begin[], data_end[], bss_begin[], bss_end[];
extern const uint32_t data_source[];

void start_reset(void);

__attribute__((noreturn)) static void start_c(void) {
  const uint32_t* source = data_source;
  for (uint32_t* to = data_begin; to < data_end;) *to++ = *source++;
  for (uint32_t* to = bss_begin; to < bss_end;) *to++ = 0;
  arm_data_barrier();
  arm_instruction_barrier();
  loader_main();
}

/* Whoever started us may have left its interrupts, its stack and its caches. */
__attribute__((naked, noreturn)) void start_reset(void) {
  __asm volatile(
      "cpsid i\n"
      "movw r0, #:lower16:stack_top\n"
      "movt r0, #:upper16:stack_top\n"
      "msr msp, r0\n"
      "movs r0, #0\n"
      "msr control, r0\n"
      "isb\n"
      "movw r0, #0xed08\n" /* VTOR */
      "movt r0, #0xe000\n"
      "movw r1, #:lower16:image_begin\n"
      "movt r1, #:upper16:image_begin\n"
      "str r1, [r0]\n"
      "bl startup_early\n"
      "b %0\n" ::"i"(start_c));
}

static void fault(void) {
  startup_fault();
  for (;;) {
  }
}

/* The number of the exception, less the 16 of the core. */
static void interrupt(void) {
  startup_usb_interrupt((reg_read(ARM_ICSR) & 0x1ff) - 16);
}

typedef void (*vector)(void);

#define LINES 113 /* up to that of the last USB controller */

/* ARMv7-M, B1.5.3. All lines have one handler: no program here enables more than one. */
__attribute__((section(".vectors"), used)) static const struct {
  uint32_t* stack;
  vector core[15];
  vector lines[LINES];
} vectors = {
    stack_top,
    {start_reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
     fault, fault, arm_clock_tick},
    {[0 ... LINES - 1] = interrupt},
};
