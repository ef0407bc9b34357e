// Each rule of the models is broken by a small program of its own: it starts as after power-on,
// does what is allowed until it does the one thing that is not, and must get no further.
#pragma once

#include <stdbool.h>

#include "firmware.h"

// A program, and what the emulator must say of it. tests/unit/emu/strict_test.cc runs all there
// are.
#define RULE(name, text)               \
  extern const char sentence_##name[]; \
  const char sentence_##name[] = text; \
  void rule_##name(void);              \
  void rule_##name(void)

// What its board has that the others have not, in words, of which strict_test.cc knows: another
// flash chip, how somebody left it, what the host does.
#define BOARD(name, words)          \
  extern const char board_##name[]; \
  const char board_##name[] = words;

// A program that breaks none, close to the edge: it must get through.
#define ALLOWED(name)        \
  void allowed_##name(void); \
  void allowed_##name(void)

#define BYTE(address) (*(volatile uint8_t*)(address))
#define HALF(address) (*(volatile uint16_t*)(address))

#define PWR_CR1 REG(0x58024800u)
#define PWR_SR1 REG(0x58024804u)
#define PWR_CSR2 REG(0x5802480cu)
#define PWR_CSR4 REG(0x58024814u)
#define PWR_DBP (1u << 8)
#define PWR_EN_XSPIM1 (1u << 14)
#define PWR_EN_XSPIM2 (1u << 15)

#define RCC_BASE 0x58024400u
#define RCC_CR REG(RCC_BASE + 0x00u)
#define RCC_CFGR REG(RCC_BASE + 0x10u)
#define RCC_CDCFGR REG(RCC_BASE + 0x18u)
#define RCC_BMCFGR REG(RCC_BASE + 0x1cu)
#define RCC_APBCFGR REG(RCC_BASE + 0x20u)
#define RCC_PLLCKSELR REG(RCC_BASE + 0x28u)
#define RCC_PLLCFGR REG(RCC_BASE + 0x2cu)
#define RCC_PLL1DIVR1 REG(RCC_BASE + 0x30u)
#define RCC_BDCR REG(RCC_BASE + 0x70u)
#define RCC_AHB4RSTR REG(RCC_BASE + 0x88u)
#define RCC_CKPROTR REG(RCC_BASE + 0x100u)
#define RCC_AHB5ENR REG(RCC_BASE + 0x134u)
#define RCC_AHB1ENR REG(RCC_BASE + 0x138u)
#define RCC_AHB4ENR REG(RCC_BASE + 0x140u)
#define RCC_APB1ENR2 REG(RCC_BASE + 0x14cu)
#define RCC_APB4ENR REG(RCC_BASE + 0x154u)
#define RCC_AHB3ENR REG(RCC_BASE + 0x158u)
#define RCC_HSION (1u << 0)
#define RCC_HSI48ON (1u << 12)
#define RCC_HSEON (1u << 16)
#define RCC_PLL1ON (1u << 24)

#define SBS_CCCSR REG(0x58000510u)

#define FLASH_ACR REG(0x52002000u)
#define FLASH_KEYR REG(0x52002004u)
#define FLASH_CR REG(0x52002010u)
#define FLASH_SR REG(0x52002014u)
#define FLASH_ISR REG(0x52002024u)
#define FLASH_ICR REG(0x52002028u)
#define FLASH_ECCDFADDR REG(0x52002044u)
#define FLASH_OPTCR REG(0x52002104u)

#define GPIO(port) (0x58020000u + 0x400u * (uint32_t)((port) - 'A'))
#define GPIO_MODER(port) REG(GPIO(port))
#define GPIO_LCKR(port) REG(GPIO(port) + 0x1cu)
#define GPIO_AFRL(port) REG(GPIO(port) + 0x20u)
#define GPIO_AFRH(port) REG(GPIO(port) + 0x24u)

// Longer than so many microseconds at any clock.
static inline void pause_us(uint32_t count) {
  uint32_t loops = count * 300u;
  __asm__ volatile("1: subs %0, #1\n\tbne 1b" : "+r"(loops) : : "cc", "memory");
}

// Common ground, in rules.c: each does what the manual asks for.
void supply(void);
void configure_pll1(void);
void start_pll1(void);
void raise_voltage(void);
// 600 MHz, buses at 300 and 150 MHz.
void run_fast(void);
