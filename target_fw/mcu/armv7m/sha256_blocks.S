/* sha256_blocks() of core/sha256.h for Cortex-M3, M4 and M7, in the place of core/sha256_blocks.c:
 *
 *   void sha256_blocks(uint32_t state[8], const uint8_t* bytes, uint32_t count);
 *
 * What makes it faster than a compiler's: all of the state stays in registers; a sum of rotations
 * is one of them nested in the next, which the barrel shifter does along with an addition; and the
 * order within a round suits both pipelines. The loads stand side by side, which saves a cycle for
 * each but the first on a Cortex-M4; and on a Cortex-M7, which begins two instructions in a cycle,
 * but only one that shifts, and that only a cycle after its operand is there, a round of 31
 * instructions takes 16 cycles. All instructions are 32 bits wide and aligned, or fetching them
 * would cost a Cortex-M4 more.
 *
 * It has one register less than it needs for that: there is none for the address of the constants.
 * So they are copied to the stack, and they and the 64 words of the schedule are addressed by the
 * stack pointer alone. It moves down as the rounds go on, never up: what is below it is an
 * interrupt's at any time. For the same reason both tables are in falling order. Uses 624 bytes of
 * stack.
 *
 * `bytes` may be anywhere where a word can be loaded from any address: normal memory, and
 * CCR.UNALIGN_TRP is 0, as after a reset. tests/bench/cycles measures it. */

/* Offsets from the stack pointer in the rounds: word (i - back) of the schedule, and constant i,
 * where i counts from the first round since the stack pointer has moved. */
#define W(i, back) (60 - 4 * (i) + 4 * (back))
#define K(i) (316 - 4 * (i))
/* Before the first round. */
#define K_COPY 64
#define STATE 320
#define BYTES 324
#define COUNT 328
#define MOVED (2 * 32 + 3 * 64) /* down, after the last round */

  .syntax unified
  .thumb
  .section .text.sha256_blocks, "ax", %progbits

/* FIPS 180-4, 4.2.2, the last one first. */
  .balign 4
constants:
  .word 0xc67178f2, 0xbef9a3f7, 0xa4506ceb, 0x90befffa
  .word 0x8cc70208, 0x84c87814, 0x78a5636f, 0x748f82ee
  .word 0x682e6ff3, 0x5b9cca4f, 0x4ed8aa4a, 0x391c0cb3
  .word 0x34b0bcb5, 0x2748774c, 0x1e376c08, 0x19a4c116
  .word 0x106aa070, 0xf40e3585, 0xd6990624, 0xd192e819
  .word 0xc76c51a3, 0xc24b8b70, 0xa81a664b, 0xa2bfe8a1
  .word 0x92722c85, 0x81c2c92e, 0x766a0abb, 0x650a7354
  .word 0x53380d13, 0x4d2c6dfc, 0x2e1b2138, 0x27b70a85
  .word 0x14292967, 0x06ca6351, 0xd5a79147, 0xc6e00bf3
  .word 0xbf597fc7, 0xb00327c8, 0xa831c66d, 0x983e5152
  .word 0x76f988da, 0x5cb0a9dc, 0x4a7484aa, 0x2de92c6f
  .word 0x240ca1cc, 0x0fc19dc6, 0xefbe4786, 0xe49b69c1
  .word 0xc19bf174, 0x9bdc06a7, 0x80deb1fe, 0x72be5d74
  .word 0x550c7dc3, 0x243185be, 0x12835b01, 0xd807aa98
  .word 0xab1c5ed5, 0x923f82a4, 0x59f111f1, 0x3956c25b
  .word 0xe9b5dba5, 0xb5c0fbcf, 0x71374491, 0x428a2f98

/* Round i of 6.2.2 for one of the first 16 words, which come from r0. `same` is b ^ c, of which the
 * majority of a, b and c is made: it was a ^ b in the round before. Afterwards it is in t2. */
.macro first_round a, b, c, d, e, f, g, h, t0, t1, t2, same, i
  ldr.w \t0, [r0], #4
  ldr.w \t1, [sp, #K(\i)]
  add.w \h, \h, \t1
  eor.w \t1, \f, \g
  and.w \t1, \t1, \e
  eor.w \t2, \e, \e, ror #5
  rev.w \t0, \t0
  str.w \t0, [sp, #W(\i, 0)]
  eor.w \t1, \t1, \g
  eor.w \t2, \t2, \e, ror #19
  add.w \h, \h, \t1
  eor.w \t1, \a, \a, ror #11
  add.w \h, \h, \t2, ror #6
  eor.w \t2, \a, \b
  add.w \h, \h, \t0
  eor.w \t1, \t1, \a, ror #20
  add.w \d, \d, \h
  and.w \same, \same, \t2
  eor.w \same, \same, \b
  add.w \h, \h, \t1, ror #2
  add.w \h, \h, \same
.endm

/* Any later one, which makes its word of the schedule from that 16 before, `w`. Afterwards t3 is
 * what `w` must be in the next round, and t1 is its `same`. */
.macro later_round a, b, c, d, e, f, g, h, w, t0, t1, t2, t3, same, i
  ldr.w \t0, [sp, #W(\i, 2)]
  ldr.w \t1, [sp, #W(\i, 7)]
  ldr.w \t2, [sp, #K(\i)]
  ldr.w \t3, [sp, #W(\i, 15)]
  add.w \h, \h, \t2
  eor.w \t2, \t0, \t0, ror #2
  add.w \w, \w, \t1
  lsr.w \t0, \t0, #10
  eor.w \t1, \f, \g
  eor.w \t0, \t0, \t2, ror #17
  eor.w \t2, \t3, \t3, ror #11
  add.w \w, \w, \t0
  and.w \t1, \t1, \e
  lsr.w \t0, \t3, #3
  eor.w \t1, \t1, \g
  eor.w \t0, \t0, \t2, ror #7
  add.w \w, \w, \t0
  eor.w \t0, \a, \a, ror #11
  eor.w \t2, \e, \e, ror #5
  eor.w \t2, \t2, \e, ror #19
  add.w \h, \h, \t1
  add.w \h, \h, \w
  eor.w \t1, \a, \b
  eor.w \t0, \t0, \a, ror #20
  and.w \same, \same, \t1
  eor.w \same, \same, \b
  add.w \h, \h, \t2, ror #6
  add.w \d, \d, \h
  add.w \h, \h, \same
  str.w \w, [sp, #W(\i, 0)]
  add.w \h, \h, \t0, ror #2
.endm

.macro two_first a, b, c, d, e, f, g, h, i
  first_round \a, \b, \c, \d, \e, \f, \g, \h, r1, r2, r3, r12, \i
  first_round \h, \a, \b, \c, \d, \e, \f, \g, r1, r2, r12, r3, (\i + 1)
.endm

.macro two_later a, b, c, d, e, f, g, h, i
  later_round \a, \b, \c, \d, \e, \f, \g, \h, r0, r1, r2, r3, lr, r12, \i
  later_round \h, \a, \b, \c, \d, \e, \f, \g, lr, r1, r12, r3, r0, r2, (\i + 1)
.endm

/* The variables take turns instead of moving. */
.macro eight two, i
  \two r4, r5, r6, r7, r8, r9, r10, r11, \i
  \two r10, r11, r4, r5, r6, r7, r8, r9, (\i + 2)
  \two r8, r9, r10, r11, r4, r5, r6, r7, (\i + 4)
  \two r6, r7, r8, r9, r10, r11, r4, r5, (\i + 6)
.endm

  .balign 4
  .global sha256_blocks
  .thumb_func
  .type sha256_blocks, %function
sha256_blocks:
  cmp.w r2, #0
  beq.w nothing
  push.w {r0-r2, r4-r11, lr}
  sub.w sp, sp, #STATE
  adr.w r1, constants
  add.w r2, sp, #K_COPY
  add.w r3, r2, #256
copy:
  ldmia.w r1!, {r4-r11}
  stmia.w r2!, {r4-r11}
  cmp.w r2, r3
  bne.w copy
  ldmia.w r0, {r4-r11}

block:
  ldr.w r0, [sp, #BYTES]
  eor.w r12, r5, r6
eight_first:
  eight two_first, 0
  ldr.w r1, [sp, #K(7)]
  sub.w sp, sp, #32
  tst.w r1, #1 /* of the constants 7 and 15, the first is odd */
  bne.w eight_first

  str.w r0, [sp, #BYTES + 2 * 32]
  ldr.w r0, [sp, #W(0, 16)]
sixteen_later:
  eight two_later, 0
  eight two_later, 8
  ldr.w r1, [sp, #K(15)]
  sub.w sp, sp, #64
  cmp.w r1, #0 /* of the constants 31, 47 and 63, the last one has its highest bit set */
  bpl.w sixteen_later

  add.w sp, sp, #MOVED
  ldr.w r0, [sp, #STATE]
  ldmia.w r0, {r1-r3, r12}
  add.w r4, r4, r1
  add.w r5, r5, r2
  add.w r6, r6, r3
  add.w r7, r7, r12
  ldrd r1, r2, [r0, #16]
  ldrd r3, r12, [r0, #24]
  add.w r8, r8, r1
  add.w r9, r9, r2
  add.w r10, r10, r3
  add.w r11, r11, r12
  stmia.w r0, {r4-r11}
  ldr.w r1, [sp, #COUNT]
  subs.w r1, r1, #1
  str.w r1, [sp, #COUNT]
  bne.w block

  add.w sp, sp, #STATE + 12
  pop.w {r4-r11, pc}
nothing:
  bx lr
  .size sha256_blocks, . - sha256_blocks
