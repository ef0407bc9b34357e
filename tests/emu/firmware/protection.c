// MPU and privilege: what is forbidden faults with the right words in the status registers, and has
// done nothing; what is allowed goes on.
#include "firmware.h"

#define REGION_ON 1u
#define SIZE_32 (4u << 1)
#define SIZE_256 (7u << 1)
#define SIZE_4K (11u << 1)
#define SIZE_64K (15u << 1)
#define AP(bits) ((uint32_t)(bits) << 24)
#define XN (1u << 28)
#define PARTS_OFF(bits) ((uint32_t)(bits) << 8)
#define MPU_ON 1u
#define MPU_IN_FAULTS 2u
#define MPU_BACKGROUND 4u

static uint32_t area[4096] __attribute__((aligned(8192)));
static volatile uint32_t faults;

struct frame {
  uint32_t r0, r1, r2, r3, r12, lr, pc, psr;
};

static void region(uint32_t number, const volatile void* base, uint32_t attributes) {
  MPU_RNR = number;
  MPU_RBAR = (uint32_t)(uintptr_t)base;
  MPU_RASR = attributes;
  barrier();
}

static void mpu(uint32_t control) {
  MPU_CTRL = control;
  barrier();
}

// Notes what happened, and goes on behind the instruction, or, of a fetch, where it came from.
__attribute__((used)) static void fault(struct frame* frame, uint32_t lr);
static void fault(struct frame* frame, uint32_t lr) {
  faults = faults + 1u;
  note(0xf000u | read_ipsr());
  note(CFSR);
  note(HFSR);
  if ((CFSR & 1u << 7) != 0) note(MMFAR);
  if ((CFSR & 1u << 15) != 0) note(BFAR);
  note(lr & 0xfu);
  note(frame->r0);
  const bool was_fetch = (CFSR & (1u | 1u << 17)) != 0;
  if (was_fetch) {
    frame->pc = frame->lr & ~1u;
    frame->psr |= 1u << 24;
  } else {
    const uint16_t opcode = *(const uint16_t*)(uintptr_t)frame->pc;
    frame->pc += opcode >> 11 >= 0x1du ? 4u : 2u;
  }
  CFSR = CFSR;
  HFSR = HFSR;
}

#define FAULT_HANDLER(name)                                                        \
  void name(void);                                                                 \
  __attribute__((naked)) void name(void) {                                         \
    __asm__ volatile(                                                              \
        "tst lr, #4\n\tite eq\n\tmrseq r0, msp\n\tmrsne r0, psp\n\tmov r1, lr\n\t" \
        "push {r4, lr}\n\tbl fault\n\tpop {r4, pc}");                              \
  }
FAULT_HANDLER(hard_fault_handler)
FAULT_HANDLER(mem_manage_handler)
FAULT_HANDLER(bus_fault_handler)
FAULT_HANDLER(usage_fault_handler)

// Gives the privilege back.
void svc_handler(void);
void svc_handler(void) {
  write_control(read_control() & ~1u);
}

static uint32_t load(volatile uint32_t* from) {
  register uint32_t r0 __asm__("r0") = 0xaaaaaaaau;
  __asm__ volatile("ldr r0, [%1]" : "+r"(r0) : "r"(from) : "memory");
  return r0;
}

static void store(volatile uint32_t* to, uint32_t value) {
  register uint32_t r0 __asm__("r0") = value;
  __asm__ volatile("str r0, [%1]" : : "r"(r0), "r"(to) : "memory");
}

static void store_byte(volatile void* to, uint32_t value) {
  register uint32_t r0 __asm__("r0") = value;
  __asm__ volatile("strb r0, [%1]" : : "r"(r0), "r"(to) : "memory");
}

static void forbidden_writes(void) {
  note(0x1000);
  area[0] = 11;
  region(0, area, REGION_ON | SIZE_4K | AP(6) | XN);
  mpu(MPU_ON | MPU_BACKGROUND);
  note(load(&area[0]));
  store(&area[0], 12);
  store_byte(&area[1023], 12);
  note(area[0]);
  store(&area[1024], 13);  // the next page
  note(area[1024]);
  region(0, area, REGION_ON | SIZE_4K | AP(0) | XN);
  note(load(&area[5]));
  region(0, area, 0);
  store(&area[0], 14);
  note(area[0]);
}

static void small_regions(void) {
  note(0x2000);
  area[8] = 21;
  area[16] = 22;
  // A guard of 32 bytes in the middle of what may be used.
  region(1, &area[8], REGION_ON | SIZE_32 | AP(0) | XN);
  store(&area[7], 23);
  note(load(&area[8]));
  store(&area[15], 24);
  store(&area[16], 25);
  note(area[7]);
  note(area[16]);
  region(1, area, 0);
  // Eighths that are left out show what is below.
  region(1, &area[64], REGION_ON | SIZE_256 | AP(6) | XN | PARTS_OFF(0x0f));
  store(&area[64], 26);
  store(&area[64 + 31], 27);
  // Written anew: QEMU remembers for a whole page what it found below an eighth.
  region(1, &area[64], REGION_ON | SIZE_256 | AP(6) | XN | PARTS_OFF(0x0f));
  store(&area[64 + 32], 28);
  note(area[64]);
  // The region with the higher number wins.
  region(2, &area[64 + 32], REGION_ON | SIZE_32 | AP(3) | XN);
  store(&area[64 + 32], 29);
  store(&area[64 + 40], 30);
  note(area[64 + 32]);
  region(1, area, 0);
  region(2, area, 0);
}

static void fetches(void) {
  note(0x3000);
  static const uint16_t returns[] = {0x4770, 0x4770};  // bx lr
  ((volatile uint16_t*)area)[0] = returns[0];
  ((volatile uint16_t*)area)[256] = returns[0];
  barrier();
  void (*const there)(void) = (void (*)(void))((uintptr_t)area | 1u);
  void (*const far)(void) = (void (*)(void))((uintptr_t)&area[128] | 1u);
  there();
  note(faults);
  region(0, area, REGION_ON | SIZE_256 | AP(3) | XN);
  there();
  far();
  note(faults);
  region(0, area, REGION_ON | SIZE_4K | AP(3) | XN);
  far();
  region(0, area, REGION_ON | SIZE_4K | AP(6));
  far();
  note(faults);
  region(0, area, 0);
  mpu(0);
  far();
  note(faults);
  // To ARM code, which this CPU does not have.
  __asm__ volatile("mov r1, %0\n\tblx r1" : : "r"(area) : "r0", "r1", "r2", "r3", "r12", "lr");
  note(faults);
}

static void without_privilege(void) {
  note(0x4000);
  extern uint32_t code_begin[];
  region(0, code_begin, REGION_ON | SIZE_64K | AP(6));
  region(1, (const void*)0x20000000u, REGION_ON | SIZE_64K | AP(3) | XN);
  region(2, area, REGION_ON | SIZE_4K | AP(1) | XN);
  region(3, &area[1024], REGION_ON | SIZE_4K | AP(2) | XN);
  mpu(MPU_ON | MPU_BACKGROUND);
  area[0] = 41;
  area[1024] = 42;
  write_control(1);
  note(load(&area[0]));
  store(&area[0], 43);
  note(load(&area[1024]));
  store(&area[1024], 44);
  store(&area[2048], 45);
  note(load((volatile uint32_t*)0xe000ed00u));
  store((volatile uint32_t*)0xe000ed94u, 0);
  // Ignored, and no fault.
  write_control(0);
  note(read_control());
  disable_interrupts();
  __asm__ volatile("svc 0" : : : "memory");
  note(read_control());
  uint32_t primask;
  __asm__ volatile("mrs %0, primask" : "=r"(primask));
  note(primask);
  note(area[0]);
  note(area[1024]);
  note(area[2048]);
  store(&area[0], 46);
  note(area[0]);
  // Without the background, privilege alone opens nothing.
  mpu(MPU_ON);
  note(load((volatile uint32_t*)0x20010000u));
  mpu(0);
  for (uint32_t i = 0; i < 4u; ++i) region(i, area, 0);
}

static void escalation(void) {
  note(0x5000);
  SHCSR = 0;
  region(0, area, REGION_ON | SIZE_4K | AP(6) | XN);
  mpu(MPU_ON | MPU_BACKGROUND);
  store(&area[0], 51);
  __asm__ volatile("udf #1");
  // Where faults are masked, it is a HardFault, too.
  SHCSR = 7u << 16;
  SHPR(4) = 0x80;
  write_basepri(0x80);
  store(&area[0], 52);
  write_basepri(0x90);
  store(&area[0], 53);
  write_basepri(0);
  disable_interrupts();
  store(&area[0], 54);
  enable_interrupts();
  note(area[0]);
  // FAULTMASK lifts protection, unless it was asked to stay.
  __asm__ volatile("cpsid f" : : : "memory");
  store(&area[0], 55);
  __asm__ volatile("cpsie f" : : : "memory");
  note(area[0]);
  mpu(0);
}

void run(void) {
  SHCSR = 7u << 16;
  forbidden_writes();
  small_regions();
  fetches();
  without_privilege();
  escalation();
  note(faults);
}
