// Exceptions as an RTOS uses them: priorities, nesting, masks, SVC, PendSV, SysTick, WFI, stacks.
#include "firmware.h"

static volatile uint32_t depth, ticks, svc_number, psp_in_handler;

void irq0_handler(void);
void irq0_handler(void) {
  note(0x100u | read_ipsr());
  depth = depth + 1u;
  if (depth == 1u) {
    NVIC_ISPR(0) = 1u << 1;  // more urgent: comes at once
    barrier();
    note(0x180);
    NVIC_ISPR(0) = 1u << 2;  // less urgent: comes afterwards
    barrier();
    note(0x190);
  }
  depth = depth - 1u;
}

void irq1_handler(void);
void irq1_handler(void) {
  note(0x200u | read_ipsr());
  note(NVIC_IABR(0));
}

void irq2_handler(void);
void irq2_handler(void) {
  note(0x300u | read_ipsr());
  ICSR = ICSR_PENDSVSET;
  barrier();
  note(0x380);
}

void pend_sv_handler(void);
void pend_sv_handler(void) {
  note(0x400u | read_ipsr());
}

void sys_tick_handler(void);
void sys_tick_handler(void) {
  ticks = ticks + 1u;
}

// The number is in the instruction before the address of return.
__attribute__((used)) static void svc_with(const uint32_t* frame, uint32_t lr);
static void svc_with(const uint32_t* frame, uint32_t lr) {
  note(0x500u | read_ipsr());
  note(lr);
  svc_number = *((const uint8_t*)(uintptr_t)(frame[6] - 2u));
  note(frame[0]);
  ((uint32_t*)(uintptr_t)frame)[0] = frame[0] + 1u;
}

void svc_handler(void);
__attribute__((naked)) void svc_handler(void) {
  __asm__ volatile(
      "tst lr, #4\n\tite eq\n\tmrseq r0, msp\n\tmrsne r0, psp\n\tmov r1, lr\n\t"
      "push {r4, lr}\n\tbl svc_with\n\tpop {r4, pc}");
}

static uint32_t call(uint32_t argument) {
  register uint32_t r0 __asm__("r0") = argument;
  __asm__ volatile("svc 7" : "+r"(r0) : : "memory");
  return r0;
}

static void nesting(void) {
  NVIC_IPR(0) = 0x80;
  NVIC_IPR(1) = 0x40;
  NVIC_IPR(2) = 0xc0;
  SHPR(14) = 0xf0;
  NVIC_ISER(0) = 7;
  NVIC_ISPR(0) = 1;
  barrier();
  note(0x1);
}

static void masks(void) {
  disable_interrupts();
  NVIC_ISPR(0) = 1u << 1;
  barrier();
  note(0x2);
  note(ICSR & 0x1ff000u);
  enable_interrupts();
  note(0x3);
  write_basepri(0x80);
  NVIC_ISPR(0) = 1u << 2 | 1u << 1;
  barrier();
  note(0x4);  // only the first has come
  write_basepri(0);
  note(0x5);
}

static void calls(void) {
  SHPR(11) = 0x20;
  note(call(41));
  note(svc_number);
  static uint32_t stack[64];
  write_psp((uint32_t)(uintptr_t)(stack + 64));
  write_control(2);
  note(call(51));
  note(read_control());
  note(((uint32_t)(uintptr_t)(stack + 64) - read_psp()) % 8u);
  write_control(0);
}

static void sleeping(void) {
  SYST_RVR = 9999;
  SYST_CVR = 0;
  SYST_CSR = 7;
  const uint32_t before = ticks;
  while (ticks - before < 3u) wait_for_interrupt();
  SYST_CSR = 0;
  note(ticks - before >= 3u);  // on QEMU time goes on as it likes
  // Masked, it ends a WFI, and is not taken.
  disable_interrupts();
  NVIC_ISPR(0) = 1u << 1;
  wait_for_interrupt();
  note(0x6);
  enable_interrupts();
  note(0x7);
}

void run(void) {
  nesting();
  masks();
  calls();
  sleeping();
}
