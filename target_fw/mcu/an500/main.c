/* The core on a Cortex-M7 that QEMU runs (mps2-an500): the chips' compiler, real exceptions, one
 * stack whose depth is measured. The host's part is tests/emu/an500. */
#include <stddef.h>

#include "target_fw/core/device.h"
#include "target_fw/core/nor.h"
#include "target_fw/mcu/an500/chip.h"
#include "target_fw/mcu/an500/shared.h"
#include "target_fw/mcu/an500/usb.h"

/* Armv7-M Architecture Reference Manual, B3.3 (SysTick) and B3.2 (system control block). */
#define REGISTER(address) (*(volatile uint32_t*)(address))
#define SYST_CSR REGISTER(0xe000e010u)
#define SYST_RVR REGISTER(0xe000e014u)
#define SYST_CVR REGISTER(0xe000e018u)
/* Timer 0 of the Cortex-M System Design Kit (its Technical Reference Manual, 3.5): counts down. */
#define TIMER_CTRL REGISTER(0x40000000u)
#define TIMER_VALUE REGISTER(0x40000004u)
#define TIMER_RELOAD REGISTER(0x40000008u)
#define CPU_HZ 25000000u /* of this machine, as QEMU has it */
#define TICK_HZ 1000u

#define STACK_PAINT 0x5aa5c33cu

extern uint32_t code_end[];
extern uint32_t data_begin[], data_end[], data_source[];
extern uint32_t bss_begin[], bss_end[];
extern uint32_t stack_begin[], stack_end[];

/* ARM's semihosting: SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit. */
static _Noreturn void leave(void) {
  static const uint32_t reason[2] = {0x20026u, 0};
  register uint32_t operation __asm__("r0") = 0x20u;
  register const uint32_t* block __asm__("r1") = reason;
  __asm__ volatile("bkpt 0xab" : : "r"(operation), "r"(block) : "memory");
  for (;;) continue;
}

static volatile struct shared* shared(void) {
  return (volatile struct shared*)SHARED_ADDRESS;
}

static volatile uint32_t ticks;

void on_tick(void);
void on_tick(void) {
  ++ticks;
}

/* Not from SysTick: its exception may come after its counter has begun anew, and a clock that goes
 * back is one that times out. Asked at least once in 171 s. */
static uint32_t now_us(void* self) {
  static uint32_t last = UINT32_MAX;
  static uint64_t cycles;
  (void)self;
  uint32_t value = TIMER_VALUE;
  cycles += last - value;
  last = value;
  return (uint32_t)(cycles / (CPU_HZ / 1000000u));
}

static void start_clock(void) {
  TIMER_RELOAD = UINT32_MAX;
  TIMER_VALUE = UINT32_MAX;
  TIMER_CTRL = 1;
  SYST_RVR = CPU_HZ / TICK_HZ - 1;
  SYST_CVR = 0;
  SYST_CSR = 7; /* the processor's clock, with its exception */
}

static void measure_stack(void) {
  const uint32_t* at = stack_begin;
  while (at < stack_end && *at == STACK_PAINT) ++at;
  shared()->stack_used = (uint32_t)(stack_end - at) * 4;
  shared()->stack_size = (uint32_t)(stack_end - stack_begin) * 4;
  shared()->ticks = ticks;
}

static struct device device;
static struct nor nor;
static struct chip chip;
static struct usb_wire wire;
static struct device_identity identity;

int main(void);
int main(void) {
  static struct clock_port clock = {.now_us = now_us};
  static struct xspi_port bus;
  static struct usb_port usb;
  start_clock();
  bus = chip_port(&chip, &clock);
  const struct nor_config config = {.clock = &clock,
                                    .bus = &bus,
                                    .name = "External",
                                    .address = 0x90000000u,
                                    .mode_max = NOR_SPI};
  if (nor_start(&nor, &config) != DFU_OK) ++shared()->faults;
  identity = (struct device_identity){.usb_vendor = 0x1209,
                                      .usb_product = 0x0001,
                                      .usb_release = 0x0100,
                                      .manufacturer = "gangd",
                                      .product = "an500",
                                      .uid = {'a', 'n', '5', '0', '0'},
                                      .program = (const uint8_t*)0,
                                      .program_size = (uint32_t)(uintptr_t)code_end,
                                      .chip = 0x10000500u,
                                      .board = "mps2-an500",
                                      .high_speed = true};
  usb = usb_wire_port(&wire, &device.usb);
  device_init(&device, &identity, &clock, &usb, &nor.memory, 1);
  shared()->ready = SHARED_READY;
  while (!shared()->leave) {
    bool moved = usb_wire_step(&wire);
    uint32_t wait_us = device_poll(&device);
    shared()->complaints += chip.mistakes;
    chip.mistakes = 0;
    /* The host has no interrupt of its own here: the tick looks for it. */
    if (!moved && wait_us > 1000) __asm__ volatile("wfi");
  }
  measure_stack();
  shared()->leave = 2;
  leave();
}

/* --- from reset on */

static void copy(uint32_t* to, const uint32_t* end, const uint32_t* from) {
  while (to < end) *to++ = *from++;
}

static void fill(uint32_t* to, const uint32_t* end, uint32_t value) {
  while (to < end) *to++ = value;
}

_Noreturn void reset(void);
_Noreturn void reset(void) {
  uint32_t* here;
  __asm__ volatile("mov %0, sp" : "=r"(here));
  copy(data_begin, data_end, data_source);
  fill(bss_begin, bss_end, 0);
  fill(stack_begin, here - 16, STACK_PAINT);
  main();
  leave();
}

_Noreturn void on_fault(void);
_Noreturn void on_fault(void) {
  uint32_t number;
  __asm__ volatile("mrs %0, ipsr" : "=r"(number));
  shared()->faults = number;
  measure_stack();
  leave();
}

/* The exceptions of ARMv7-M; no interrupt of this machine is switched on. */
__attribute__((section(".vectors"), used)) static const void* const vectors[16] = {
    [0] = stack_end, [1] = reset,     [2] = on_fault, [3] = on_fault,
    [4] = on_fault,  [5] = on_fault,  [6] = on_fault, [11] = on_fault,
    [12] = on_fault, [14] = on_fault, [15] = on_tick,
};
