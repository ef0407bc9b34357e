#include "target_fw/mcu/stm32h7rs/clocks.h"

#include "target_fw/mcu/reg.h"
#include "target_fw/mcu/stm32h7rs/registers.h"

/* At a bit that changes within milliseconds; one look takes 5 cycles or more, at 64 MHz or more. */
#define LOOKS 1000000u

/* 64 MHz / 10 * 125 = 800 MHz in both PLLs. The first gives 400 MHz, the most that the core is
 * allowed at the low voltage scale; the second 200 MHz for XSPI. */
#define PLL_DIVM 10u
#define PLL_DIVN 125u
#define PLL1_DIVP 2u
#define PLL2_DIVS 4u

/* For buses of 200 MHz at the low voltage scale; one wait state more than is needed costs nothing
 * where code runs from RAM or the cache. */
#define FLASH_WAIT_STATES 7u
#define FLASH_WRITE_DELAY 3u

static uint32_t supply_bits(enum board_supply supply) {
  switch (supply) {
    case BOARD_SUPPLY_LDO:
      return PWR_CSR2_LDOEN;
    case BOARD_SUPPLY_SMPS:
      return PWR_CSR2_SDEN;
    case BOARD_SUPPLY_SMPS_LDO:
      return PWR_CSR2_SDEN | PWR_CSR2_LDOEN | PWR_CSR2_SDLEVEL;
    case BOARD_SUPPLY_EXTERNAL:
    default:
      return PWR_CSR2_BYPASS;
  }
}

/* Can be chosen once after power-on: whoever ran before may have done it. */
static bool choose_supply(enum board_supply supply) {
  const uint32_t sources = PWR_CSR2_SDEN | PWR_CSR2_LDOEN | PWR_CSR2_BYPASS;
  const uint32_t now = reg_read(PWR_CSR2);
  if ((now & sources) == (PWR_CSR2_SDEN | PWR_CSR2_LDOEN) && (now & PWR_CSR2_SDLEVEL) == 0) {
    reg_change(PWR_CSR2, PWR_CSR2_SUPPLY, supply_bits(supply));
  }
  return reg_wait(PWR_SR1, PWR_SR1_ACTVOSRDY, PWR_SR1_ACTVOSRDY, LOOKS);
}

/* The clock protection of an application would keep the PLLs from being changed. */
static bool to_internal_oscillator(void) {
  reg_write(RCC_CKPROTR, 0);
  reg_set(RCC_CR, RCC_CR_HSION);
  if (!reg_wait(RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY, LOOKS)) return false;
  reg_change(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_HSI);
  if (!reg_wait(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_HSI, LOOKS)) return false;
  reg_clear(RCC_CR, RCC_CR_PLL1ON | RCC_CR_PLL2ON | RCC_CR_PLL3ON);
  if (!reg_wait(RCC_CR, RCC_CR_PLL1RDY | RCC_CR_PLL2RDY | RCC_CR_PLL3RDY, 0, LOOKS)) return false;
  reg_clear(RCC_CR, RCC_CR_HSIDIV);
  return reg_wait(RCC_CR, RCC_CR_HSIDIVF, RCC_CR_HSIDIVF, LOOKS);
}

static bool start_plls(void) {
  reg_write(RCC_PLLCFGR, 0); /* dividers can be written only while their outputs are off */
  reg_write(RCC_PLLCKSELR, RCC_PLLCKSELR_HSI | PLL_DIVM << RCC_PLLCKSELR_DIVM1_AT |
                               PLL_DIVM << RCC_PLLCKSELR_DIVM2_AT);
  reg_write(RCC_PLL1DIVR1, (PLL1_DIVP - 1) << 9 | (PLL_DIVN - 1));
  reg_write(RCC_PLL2DIVR1, PLL_DIVN - 1);
  reg_write(RCC_PLL2DIVR2, PLL2_DIVS - 1);
  reg_write(RCC_PLLCFGR, RCC_PLLCFGR_RANGE_4_8_MHZ << RCC_PLLCFGR_PLL1RGE_AT |
                             RCC_PLLCFGR_RANGE_4_8_MHZ << RCC_PLLCFGR_PLL2RGE_AT |
                             RCC_PLLCFGR_PLL1PEN | RCC_PLLCFGR_PLL2SEN);
  reg_set(RCC_CR, RCC_CR_PLL1ON | RCC_CR_PLL2ON);
  const uint32_t ready = RCC_CR_PLL1RDY | RCC_CR_PLL2RDY;
  return reg_wait(RCC_CR, ready, ready, LOOKS);
}

/* Slower, or with more wait states, before it becomes faster. */
static bool to_pll(void) {
  const uint32_t access = FLASH_WRITE_DELAY << FLASH_ACR_WRHIGHFREQ_AT | FLASH_WAIT_STATES;
  const uint32_t access_bits = FLASH_ACR_WRHIGHFREQ | FLASH_ACR_LATENCY;
  reg_change(FLASH_ACR, access_bits, access);
  if (!reg_wait(FLASH_ACR, access_bits, access, LOOKS)) return false;
  reg_write(RCC_CDCFGR, 0);
  reg_write(RCC_BMCFGR, RCC_BMCFGR_DIV2);
  reg_write(RCC_APBCFGR, RCC_APBCFGR_ALL_DIV2);
  reg_change(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL1);
  return reg_wait(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL1, LOOKS);
}

bool clocks_start(const struct board* board) {
  if (!choose_supply(board->supply) || !to_internal_oscillator()) return false;
  reg_clear(PWR_CSR4, PWR_CSR4_VOS);
  if (!reg_wait(PWR_CSR4, PWR_CSR4_VOSRDY, PWR_CSR4_VOSRDY, LOOKS)) return false;
  return start_plls() && to_pll();
}

static bool start_crystal(const struct board* board) {
  if (board->crystal_hz == 0) return false;
  if ((reg_read(RCC_CR) & RCC_CR_HSERDY) != 0) return true;
  if (board->crystal_is_signal) reg_set(RCC_CR, RCC_CR_HSEBYP);
  reg_set(RCC_CR, RCC_CR_HSEON);
  return reg_wait(RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY, LOOKS);
}

/* What the transceiver is told of its reference clock. */
static uint32_t reference_code(uint32_t hz) {
  switch (hz / 1000000) {
    case 16:
      return 3;
    case 20:
      return 9;
    case 26:
      return 14;
    case 32:
      return 11;
    default:
      return 10; /* 24 MHz */
  }
}

/* The 48 MHz of the internal oscillator become exact enough by the frames on the bus. */
static bool start_usb_full_speed(void) {
  reg_set(RCC_CR, RCC_CR_HSI48ON);
  if (!reg_wait(RCC_CR, RCC_CR_HSI48RDY, RCC_CR_HSI48RDY, LOOKS)) return false;
  reg_set(RCC_APB1ENR2, RCC_APB1_2_CRS);
  reg_change(CRS_CFGR, CRS_CFGR_SYNCSRC, CRS_CFGR_SYNCSRC_USB_FS);
  reg_set(CRS_CR, CRS_CR_AUTOTRIMEN | CRS_CR_CEN);
  reg_clear(RCC_CCIPR1, RCC_CCIPR1_OTGFSSEL);
  reg_set(RCC_AHB1ENR, RCC_AHB1_USB_FS);
  reg_set(RCC_AHB1RSTR, RCC_AHB1_USB_FS);
  reg_clear(RCC_AHB1RSTR, RCC_AHB1_USB_FS);
  return true;
}

static bool start_usb_high_speed(const struct board* board) {
  if (!start_crystal(board)) return false;
  reg_set(PWR_CSR2, PWR_CSR2_USBHSREGEN);
  reg_change(RCC_CCIPR1, RCC_CCIPR1_USBREFCKSEL | RCC_CCIPR1_USBPHYCSEL,
             reference_code(board->crystal_hz) << RCC_CCIPR1_USBREFCKSEL_AT);
  reg_set(RCC_AHB1ENR, RCC_AHB1_USB_HS | RCC_AHB1_USB_PHY);
  reg_set(RCC_AHB1RSTR, RCC_AHB1_USB_HS | RCC_AHB1_USB_PHY);
  reg_clear(RCC_AHB1RSTR, RCC_AHB1_USB_HS | RCC_AHB1_USB_PHY);
  return true;
}

bool clocks_start_usb(const struct board* board, bool high_speed) {
  reg_set(PWR_CSR2, PWR_CSR2_USB33DEN);
  if (!reg_wait(PWR_CSR2, PWR_CSR2_USB33RDY, PWR_CSR2_USB33RDY, LOOKS)) return false;
  return high_speed ? start_usb_high_speed(board) : start_usb_full_speed();
}

void clocks_stop(void) {
  to_internal_oscillator();
  reg_write(RCC_BMCFGR, 0);
  reg_write(RCC_APBCFGR, 0);
}
