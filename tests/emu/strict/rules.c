// What programs of several parts begin with.
#include "strict.h"

// Whoever runs it puts the address of a rule here first.
extern const uint32_t chosen_rule;
const uint32_t chosen_rule = 1;

void run(void) {
  const uint32_t chosen = *(const volatile uint32_t*)&chosen_rule;
  ((void (*)(void))(uintptr_t)chosen)();
}

void supply(void) {
  PWR_CSR2 = (PWR_CSR2 & ~0x1fu) | 4u;  // the step-down converter feeds the core
  while ((PWR_SR1 & 2u) == 0) continue;
}

// HSI, 64 MHz / 32 * 300.
void configure_pll1(void) {
  RCC_PLLCKSELR = 0x02020000u | 32u << 4;
  RCC_PLL1DIVR1 = 0x01010000u | 299u;
  RCC_PLLCFGR = 1u << 3 | 1u << 5;
}

void start_pll1(void) {
  RCC_CR |= RCC_PLL1ON;
  while ((RCC_CR & RCC_PLL1ON << 1) == 0) continue;
}

void raise_voltage(void) {
  PWR_CSR4 = 1u;
  while ((PWR_CSR4 & 2u) == 0) continue;
}

void run_fast(void) {
  supply();
  raise_voltage();
  configure_pll1();
  start_pll1();
  FLASH_ACR = 0x37u;
  RCC_BMCFGR = 8u;
  RCC_APBCFGR = 0x4444u;
  RCC_CFGR = 3u;
  while ((RCC_CFGR & 0x38u) != 0x18u) continue;
}
