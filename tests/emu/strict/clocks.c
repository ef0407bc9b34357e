// Clocks, supplies, pads, and registers that are not there.
#include "strict.h"

RULE(unknown_register, "RCC: a read at offset 14h, where no register is") {
  (void)REG(RCC_BASE + 0x14u);
}

RULE(unknown_peripheral, "a read of 4 bytes at 0x58030000: no peripheral that is modelled") {
  (void)REG(0x58030000u);
}

RULE(reserved_bits,
     "RCC: 00000100h written to CDCFGR, whose reserved bits FFFFFFF0h must be kept") {
  RCC_CDCFGR = 0x100u;
}

RULE(no_clock, "GPIOA: a write at offset 0h without its clock in RCC") {
  GPIO_MODER('A') = 0;
}

RULE(held_in_reset, "GPIOA: a write at offset 0h while RCC holds it in reset") {
  RCC_AHB4ENR |= 1u;
  RCC_AHB4RSTR |= 1u;
  GPIO_MODER('A') = 0;
}

RULE(pll_without_source, "RCC: PLL1 started without a source that runs") {
  RCC_PLLCKSELR = 0x02020002u | 12u << 4;  // HSE, which is off
  RCC_CR |= RCC_PLL1ON;
}

RULE(pll_reference,
     "RCC: PLL1 started with a reference of 64000000 Hz, which is not of the range chosen in "
     "PLLCFGR") {
  RCC_PLLCKSELR = 0x02020000u | 1u << 4;
  RCC_CR |= RCC_PLL1ON;
}

RULE(pll_range,
     "RCC: PLL1 started with a reference of 8000000 Hz, which is not of the range chosen in "
     "PLLCFGR") {
  configure_pll1();
  RCC_PLLCFGR = 3u << 3 | 1u << 5;  // 2 MHz are in the range of 1 to 2
  RCC_PLLCKSELR = 0x02020000u | 8u << 4;
  RCC_PLLCFGR = 0u << 3 | 1u << 5;
  RCC_CR |= RCC_PLL1ON;
}

RULE(pll_oscillator, "RCC: PLL1 started for a VCO of 20000000 Hz") {
  configure_pll1();
  RCC_PLL1DIVR1 = 0x01010000u | 9u;
  RCC_CR |= RCC_PLL1ON;
}

RULE(pll_changed, "RCC: PLL1DIVR1 changed for a PLL that is on") {
  configure_pll1();
  RCC_CR |= RCC_PLL1ON;
  RCC_PLL1DIVR1 = 0x01010000u | 199u;
}

RULE(switch_too_early, "RCC: the system clock is switched to PLL1, which is not ready") {
  configure_pll1();
  RCC_CR |= RCC_PLL1ON;
  RCC_CFGR = 3u;
}

RULE(voltage_too_low,
     "RCC: CPU at 600000000 Hz and bus at 300000000 Hz, where the core voltage allows 400000000 "
     "and 200000000") {
  supply();
  configure_pll1();
  start_pll1();
  FLASH_ACR = 0x37u;
  RCC_BMCFGR = 8u;
  RCC_APBCFGR = 0x4444u;
  RCC_CFGR = 3u;
}

RULE(bus_too_fast,
     "RCC: CPU at 600000000 Hz and bus at 600000000 Hz, where the core voltage allows 600000000 "
     "and 300000000") {
  supply();
  raise_voltage();
  configure_pll1();
  start_pll1();
  FLASH_ACR = 0x37u;
  RCC_APBCFGR = 0x4444u;
  RCC_CFGR = 3u;
}

RULE(apb_too_fast, "RCC: an APB bus at 300000000 Hz, where 150000000 are allowed") {
  run_fast();
  RCC_APBCFGR = 0x4404u;
}

RULE(wait_states, "RCC: a bus at 300000000 Hz with 6 wait states of the flash") {
  run_fast();
  FLASH_ACR = 0x36u;
}

RULE(oscillator_bypassed, "RCC: HSEBYP changed while HSE is on") {
  RCC_CR |= RCC_HSEON;
  RCC_CR |= 1u << 18;
}

RULE(external_memory_unclocked,
     "RCC: AHB5ENR changed for a memory whose clock is protected in CKPROTR") {
  RCC_AHB5ENR |= 1u << 12;
  RCC_CKPROTR |= 1u;
  RCC_AHB5ENR &= ~(1u << 12);
}

RULE(supply_illegal, "PWR: CSR2 written with an illegal combination of regulators") {
  PWR_CSR2 &= ~0x1fu;
}

RULE(supply_twice, "PWR: the supply configuration is locked until power-on") {
  supply();
  PWR_CSR2 = (PWR_CSR2 & ~0x1fu) | 2u;
}

RULE(voltage_too_early,
     "PWR: VOS changed before the supply was configured and ACTVOSRDY had come") {
  PWR_CSR4 = 1u;
}

RULE(backup_protected, "RCC: BDCR written while PWR_CR1.DBP protects it") {
  RCC_BDCR |= 1u;
}

RULE(slow_oscillator_bypassed, "RCC: LSEBYP changed while LSE is on") {
  PWR_CR1 |= PWR_DBP;
  RCC_BDCR |= 1u;
  RCC_BDCR |= 4u;
}

RULE(pads_destroyed,
     "SBS: a high-speed-at-low-voltage bit set for pins on a rail above 2.7 V: it destroys them") {
  RCC_APB4ENR |= 2u;
  SBS_CCCSR = 1u << 18;
}

RULE(pin_locked, "GPIOC: MODER of a locked pin changed") {
  RCC_AHB4ENR |= 1u << 2;
  GPIO_LCKR('C') = 0x10002u;
  GPIO_LCKR('C') = 0x00002u;
  GPIO_LCKR('C') = 0x10002u;
  (void)GPIO_LCKR('C');
  GPIO_MODER('C') = 0xfffffff7u;
}

RULE(identity_written, "UID: a write at offset 0h, which is read-only") {
  REG(0x08fff800u) = 0;
}

RULE(identity_too_long, "UID: a read at offset 10h, where nothing is") {
  (void)REG(0x08fff810u);
}

RULE(backup_regulator_protected, "PWR: CSR1 written while DBP protects it") {
  REG(0x58024808u) |= 1u;
}
