// Start-up code and vectors of the small programs. A handler that a program does not have fails it.
#include "firmware.h"

#include <stddef.h>

extern uint32_t data_begin[], data_end[], data_stored[], bss_begin[], bss_end[];

volatile uint32_t diary[DIARY_MAX];
volatile uint32_t diary_count;

void note(uint32_t word) {
  if (diary_count < DIARY_MAX) diary[diary_count] = word;
  diary_count = diary_count + 1u;
}

__attribute__((noreturn)) void reset_handler(void);
void reset_handler(void) {
  uint32_t* from = data_stored;
  for (uint32_t* to = data_begin; to < data_end; ++to) *to = *from++;
  for (uint32_t* to = bss_begin; to < bss_end; ++to) *to = 0;
  run();
  passed();
}

#define WEAK(name)                        \
  void name(void);                        \
  __attribute__((weak)) void name(void) { \
    failed();                             \
  }
WEAK(nmi_handler)
WEAK(hard_fault_handler)
WEAK(mem_manage_handler)
WEAK(bus_fault_handler)
WEAK(usage_fault_handler)
WEAK(svc_handler)
WEAK(pend_sv_handler)
WEAK(sys_tick_handler)
WEAK(irq0_handler)
WEAK(irq1_handler)
WEAK(irq2_handler)

typedef void (*handler)(void);
__attribute__((section(".vectors"), used)) static const struct {
  uint32_t* stack;
  handler handlers[18];
} vectors = {stack_top,
             {reset_handler, nmi_handler, hard_fault_handler, mem_manage_handler, bus_fault_handler,
              usage_fault_handler, NULL, NULL, NULL, NULL, svc_handler, NULL, NULL, pend_sv_handler,
              sys_tick_handler, irq0_handler, irq1_handler, irq2_handler}};
