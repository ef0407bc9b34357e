// What the CPU itself refuses.
#include "strict.h"

#define MPU_ON 1u
#define MPU_BACKGROUND 4u
#define REGION_OF_32 (4u << 1 | 1u)
#define READ_ONLY (6u << 24)
#define NO_ACCESS 0u
#define FULL (3u << 24)
#define NO_EXECUTE (1u << 28)

static void forbid(uint32_t attributes) {
  MPU_RNR = 0;
  MPU_RBAR = 0x30000000u;
  MPU_RASR = attributes | REGION_OF_32;
  MPU_CTRL = MPU_ON | MPU_BACKGROUND;
  barrier();
}

RULE(mpu_forbids_write, "a write of 4 bytes at 0x30000004 that the MPU forbids") {
  forbid(READ_ONLY);
  (void)REG(0x30000000u);
  REG(0x30000004u) = 1u;
}

RULE(mpu_forbids_read, "a read of 4 bytes at 0x30000004 that the MPU forbids") {
  forbid(NO_ACCESS);
  (void)REG(0x30000004u);
}

RULE(mpu_forbids_fetch, "a fetch at 0x30000000 that the MPU forbids") {
  REG(0x30000000u) = 0x47704770u;  // bx lr
  barrier();
  ((void (*)(void))0x30000001u)();
  forbid(FULL | NO_EXECUTE);
  ((void (*)(void))0x30000001u)();
}

RULE(mpu_forbids_registers, "a read of 4 bytes at 0x58024400 that the MPU forbids") {
  MPU_RNR = 0;
  MPU_RBAR = 0x58024400u;
  MPU_RASR = NO_ACCESS | REGION_OF_32;
  MPU_CTRL = MPU_ON | MPU_BACKGROUND;
  barrier();
  (void)RCC_CR;
}

RULE(nothing_there, "a read of 4 bytes at 0x60000000: nothing is there") {
  (void)REG(0x60000000u);
}

RULE(fetch_from_nowhere, "a fetch of 2 bytes at 0x60000000: nothing is there") {
  ((void (*)(void))0x60000001u)();
}

RULE(not_thumb, "a branch to an address without bit 0: this CPU runs Thumb only") {
  ((void (*)(void))0x24040000u)();
}

RULE(unknown_instruction, "an instruction that this CPU does not have, or has switched off") {
  __asm__ volatile("udf #0");
}

RULE(no_privilege, "a write at 0xe000ed10 without privilege") {
  write_control(1u);
  SCR = 0;
}

RULE(register_of_no_cpu, "a read of 0xe000e00c: the CPU has no such register") {
  (void)REG(0xe000e00cu);
}

// --- caches, and what the CPU does of its own accord because of them

#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)
#define DCCISW REG(0xe000ef74u)
#define DEVICE (1u << 16)

static void set_region(uint32_t number, uint32_t address, uint32_t bits, uint32_t attributes) {
  MPU_RNR = number;
  MPU_RBAR = address;
  MPU_RASR = attributes | (bits - 1u) << 1 | 1u;
}

static void guard(uint32_t hang_attributes) {
  set_region(0, 0x25000000u, 24, hang_attributes);
  set_region(1, 0x08fff000u, 12, FULL | DEVICE | NO_EXECUTE);
  set_region(2, 0x1ff00000u, 20, NO_ACCESS | NO_EXECUTE);
  set_region(3, 0x60000000u, 29, NO_ACCESS | NO_EXECUTE);
  set_region(4, 0x80000000u, 30, NO_ACCESS | NO_EXECUTE);
  MPU_CTRL = MPU_ON | MPU_BACKGROUND;
  barrier();
}

static inline __attribute__((always_inline)) void empty_data_cache(void) {
  for (uint32_t way = 0; way < 4; ++way) {
    for (uint32_t set = 0; set < 256; ++set) DCCISW = way << 30 | set << 5;
  }
}

RULE(hangs_the_bus,
     "a read of 4 bytes at 0x25fffffc: an access there hangs the bus (ES0596 2.2.17)") {
  (void)REG(0x25fffffcu);
}

RULE(reads_ahead_without_mpu,
     "a cache is on, and the MPU lets the CPU read ahead at 0x25000000: an access there hangs the "
     "bus (ES0596 2.2.17)") {
  CCR |= CCR_IC;
}

RULE(reads_ahead_as_data,
     "a cache is on, and the MPU lets the CPU read ahead at 0x25000000: an access there hangs the "
     "bus (ES0596 2.2.17)") {
  guard(FULL | NO_EXECUTE | DEVICE);
  CCR |= CCR_DC;
}

RULE(reads_ahead_in_an_eighth,
     "a cache is on, and the MPU lets the CPU read ahead at 0x25000000: an access there hangs the "
     "bus (ES0596 2.2.17)") {
  guard(NO_ACCESS | NO_EXECUTE | 0x10u << 8);
  CCR |= CCR_IC;
}

RULE(reads_ahead_of_otp,
     "a cache is on, and the MPU lets the CPU read ahead at 0x08fff000: words of the OTP area may "
     "be broken") {
  guard(NO_ACCESS | NO_EXECUTE);
  set_region(1, 0x08fff000u, 12, FULL | DEVICE);
  CCR |= CCR_IC;
}

RULE(reads_ahead_of_rom,
     "a cache is on, and the MPU lets the CPU read ahead at 0x1ff00000: the ROM may be locked") {
  guard(NO_ACCESS | NO_EXECUTE);
  set_region(2, 0x1ff00000u, 20, FULL | NO_EXECUTE | 2u << 16);
  CCR |= CCR_IC;
}

RULE(reads_ahead_where_nothing_is_mapped,
     "a cache is on, and the MPU lets the CPU read ahead at 0x70000000: no memory is mapped there, "
     "and the bus may lock up") {
  guard(NO_ACCESS | NO_EXECUTE);
  set_region(5, 0x70000000u, 27, FULL | 2u << 16);
  CCR |= CCR_IC;
}

RULE(mpu_off_under_a_cache,
     "a cache is on, and the MPU lets the CPU read ahead at 0x25000000: an access there hangs the "
     "bus (ES0596 2.2.17)") {
  guard(NO_ACCESS | NO_EXECUTE);
  CCR |= CCR_IC;
  MPU_CTRL = 0;
}

RULE(push_before_the_cache_is_empty,
     "a write of 4 bytes at 0x30000000 while the data cache is off and not empty: an older line "
     "may be written over it") {
  guard(NO_ACCESS | NO_EXECUTE);
  CCR |= CCR_DC;
  REG(0x20000000u) = 1u;
  REG(0x30000000u) = 1u;
  CCR &= ~CCR_DC;
  for (uint32_t set = 0; set < 256; ++set) DCCISW = set << 5;
  REG(0x20000000u) = 2u;
  REG(0x30000000u) = 2u;
}

ALLOWED(caches_on_and_off) {
  guard(NO_ACCESS | NO_EXECUTE);
  CCR |= CCR_DC | CCR_IC;
  REG(0x30000000u) = 1u;
  CCR &= ~CCR_DC;
  empty_data_cache();
  REG(0x30000000u) = 2u;
  CCR &= ~CCR_IC;
  MPU_CTRL = 0;
  EXPECT(REG(0x30000000u) == 2u);
}
