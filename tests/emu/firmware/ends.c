// An application that does not stay: it asks the resident loader for DFU, as an application does
// that is to be updated, or it lets the watchdog bite. It counts how often it was started.
#include <stdint.h>

#include "firmware.h"
#include "target_fw/mcu/stm32h7rs/boot_flag.h"

#define RUNS 0xcafef00du
#define WORDS ((volatile uint32_t*)0x20000100u)
#define PWR_CR1 REG(0x58024800u)
#define PWR_CR1_DBP (1u << 8)
#define RCC_APB4ENR REG(0x58024554u)
#define RCC_APB4_RTC (1u << 16)
#define TAMP_BKPR(number) REG(0x58004500u + 4u * (number))
#define IWDG(offset) REG(0x58004800u + (offset))
#define IWDG_SR IWDG(0x0cu)
#define AIRCR_SYSRESETREQ 0x05fa0004u

enum { STAYS, ASKS_FOR_DFU, LETS_THE_WATCHDOG_BITE };

// Whoever tests puts here what it shall do.
extern const volatile uint32_t way;
const volatile uint32_t way = STAYS;

static void ask_for_dfu(void) {
  RCC_APB4ENR |= RCC_APB4_RTC;
  (void)RCC_APB4ENR;
  PWR_CR1 |= PWR_CR1_DBP;
  while ((PWR_CR1 & PWR_CR1_DBP) == 0) continue;
  TAMP_BKPR(BOOT_FLAG_REGISTER) = BOOT_FLAG_STAY;
  barrier();
  AIRCR = AIRCR_SYSRESETREQ;
}

static void start_watchdog(void) {
  IWDG(0x00u) = 0xccccu;
  IWDG(0x00u) = 0x5555u;
  IWDG(0x08u) = 9u;  // 1.25 ms
  while (IWDG_SR != 0) continue;
}

__attribute__((noreturn)) void reset_handler(void);
void reset_handler(void) {
  if (WORDS[0] != RUNS) WORDS[1] = 0;
  WORDS[0] = RUNS;
  WORDS[1] = WORDS[1] + 1u;
  if (way == ASKS_FOR_DFU) ask_for_dfu();
  if (way == LETS_THE_WATCHDOG_BITE) start_watchdog();
  for (;;) wait_for_interrupt();
}

extern uint32_t stack_top[];
__attribute__((section(".vectors"), used)) static const struct {
  uint32_t* stack;
  void (*reset)(void);
} vectors = {stack_top, reset_handler};
