// Exceptions that cannot begin, or cannot end.
#include "strict.h"

#define NOWHERE 0x60000000u
#define VTOR REG(0xe000ed08u)

static void* volatile on_call;
void svc_handler(void);
__attribute__((naked)) void svc_handler(void) {
  __asm__ volatile("ldr r0, [%0]\n\tbx r0" : : "r"(&on_call) : "r0");
}

static void call(void) {
  __asm__ volatile("svc 0" : : : "memory");
}

__attribute__((naked)) static void lose_stack(void) {
  __asm__ volatile("movs r0, #0x60000000\n\tmov sp, r0\n\tbx lr");
}
__attribute__((naked)) static void claim_a_handler(void) {
  __asm__ volatile("ldr r0, [sp, #28]\n\torr r0, #3\n\tstr r0, [sp, #28]\n\tbx lr");
}
__attribute__((naked)) static void return_by_nonsense(void) {
  __asm__ volatile("mvn lr, #10\n\tbx lr");
}

void hard_fault_handler(void);
void hard_fault_handler(void) {
  __asm__ volatile("udf #1");
}

RULE(call_while_masked, "SVC while nothing of its priority can be taken") {
  disable_interrupts();
  call();
}

BOARD(fault_within_a_fault, "takes-faults")
RULE(fault_within_a_fault, "the CPU is locked up: a fault within a fault") {
  __asm__ volatile("udf #0");
}

RULE(no_stack, "no stack for an exception: 0x5fffffe0") {
  __asm__ volatile("mov sp, %0\n\tsvc 0" : : "r"(NOWHERE));
}

RULE(no_vector, "no vector of exception 11: nothing is at 0x6000002c") {
  VTOR = NOWHERE;
  barrier();
  call();
}

RULE(vector_of_no_program, "the vector of exception 11 is 0x00000000: no program") {
  static uint32_t blank[32] __attribute__((aligned(128)));
  VTOR = (uint32_t)(uintptr_t)blank;
  barrier();
  call();
}

RULE(no_stack_to_return, "no stack to return from an exception: 0x60000000") {
  on_call = (void*)(uintptr_t)lose_stack;
  call();
}

RULE(frame_of_another_mode, "the frame at 0x2000ffd0 is of another mode") {
  on_call = (void*)(uintptr_t)claim_a_handler;
  call();
}

RULE(return_by_nonsense, "a return by 0xfffffff5 from exception 11") {
  on_call = (void*)(uintptr_t)return_by_nonsense;
  call();
}

RULE(float_switched_off, "an instruction of the FPU, which CPACR keeps off") {
  __asm__ volatile(".fpu fpv5-sp-d16\n\tvmov.f32 s0, #1.0");
}

RULE(double_precision, "an instruction of double precision, which emu cannot run: fpv5-sp-d16 is") {
  REG(0xe000ed88u) = 0xfu << 20;
  barrier();
  __asm__ volatile(".fpu fpv5-d16\n\tvmov.f64 d0, #1.0");
}

RULE(breakpoint, "BKPT, and no debugger is there") {
  __asm__ volatile("bkpt #0");
}

RULE(byte_of_a_word_register, "a write of 1 bytes to 0xe000ed08: this register takes words") {
  BYTE(0xe000ed08u) = 0;
}

RULE(reset_without_key, "AIRCR was written with 0x4: its key is 0x05fa") {
  AIRCR = 4u;
}

RULE(write_to_no_register, "a write of 0x1 to 0xe000e00c: the CPU has no such register") {
  REG(0xe000e00cu) = 1u;
}

RULE(write_to_no_peripheral, "a write of 4 bytes at 0x58030000: no peripheral that is modelled") {
  REG(0x58030000u) = 0;
}
