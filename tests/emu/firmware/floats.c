// The FPU, of single precision: what each program has in it stays its own, whatever interrupts.
#include "firmware.h"

#define CPACR REG(0xe000ed88u)
#define FPCCR REG(0xe000ef34u)
#define FPU_ON (0xfu << 20)

static volatile float given = 1.5f;
static volatile float of_interrupts;

// With each kind of stack, and with none of the FPU.
__attribute__((used)) static void inner(uint32_t lr);
static void inner(uint32_t lr) {
  note(0x100u | read_ipsr());
  note(lr);
}

#define HANDLER(name)                                                       \
  void name##_float(void);                                                  \
  void name(void);                                                          \
  __attribute__((naked)) void name(void) {                                  \
    __asm__ volatile("mov r0, lr\n\tpush {r4, lr}\n\tbl inner\n\tbl " #name \
                     "_float\n\tpop {r4, pc}");                             \
  }                                                                         \
  __attribute__((used)) void name##_float(void)

HANDLER(irq1_handler) {
  of_interrupts = of_interrupts * 0.5f + given;
}

// Uses the FPU before and after it is interrupted itself.
HANDLER(pend_sv_handler) {
  float sum = of_interrupts;
  for (uint32_t i = 0; i < 3u; ++i) {
    sum = sum * 1.25f + (float)i;
    NVIC_ISPR(0) = 2;
    barrier();
  }
  of_interrupts = sum;
}

// Leaves it alone.
HANDLER(irq2_handler) {}

static float root(float of) {
  float is;
  __asm__("vsqrt.f32 %0, %1" : "=t"(is) : "t"(of));
  return is;
}

static void note_float(float value) {
  union {
    float value;
    uint32_t word;
  } both = {.value = value};
  note(both.word);
}

__attribute__((noinline)) static void interrupted(void) {
  float a = given, b = a + 1.0f, c = a * b, d = c / 7.0f;
  for (uint32_t i = 0; i < 4u; ++i) {
    ICSR = ICSR_PENDSVSET;
    barrier();
    a = a * 1.0625f + d;
    NVIC_ISPR(0) = 4;
    barrier();
    b = b - a / c;
    c = root(c * c + b * b);
    d = d * 0.75f;
  }
  note_float(a);
  note_float(b);
  note_float(c);
  note_float(d);
  note_float(of_interrupts);
}

// Callee-saved registers of the FPU hold what it wants over exceptions that use the others.
__attribute__((noinline)) static void on_the_process_stack(void) {
  static uint32_t stack[256] __attribute__((aligned(8)));
  write_psp((uint32_t)(uintptr_t)(stack + 255));
  write_control(2);
  interrupted();
  note((uint32_t)(uintptr_t)(stack + 255) - read_psp() < 1020u);
  write_control(0);
}

__attribute__((noinline)) static void rounding(void) {
  __asm__ volatile("vmsr fpscr, %0" : : "r"(3u << 22));  // towards zero
  ICSR = ICSR_PENDSVSET;
  barrier();
  note_float(given / 7.0f);
  uint32_t status;
  __asm__ volatile("vmrs %0, fpscr" : "=r"(status));
  note(status & 3u << 22);
  __asm__ volatile("vmsr fpscr, %0" : : "r"(0));
}

void run(void) {
  CPACR = FPU_ON;
  barrier();
  SHPR(14) = 0xf0;
  NVIC_IPR(1) = 0x40;
  NVIC_IPR(2) = 0x80;
  NVIC_ISER(0) = 6;
  NVIC_ISPR(0) = 4;
  barrier();
  note(FPCCR >> 30);
  interrupted();
  on_the_process_stack();
  rounding();
}
