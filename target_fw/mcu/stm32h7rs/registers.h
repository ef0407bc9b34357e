/* Registers of STM32H7R and STM32H7S, the bits of them that are used here. Figures: CMSIS headers
 * of the devices (stm32h7s7xx.h and its siblings) and the reference manual RM0477. */
#ifndef GANGD_TARGET_FW_MCU_STM32H7RS_REGISTERS_H
#define GANGD_TARGET_FW_MCU_STM32H7RS_REGISTERS_H

/* --- where things are */
enum {
  INTERNAL_FLASH = 0x08000000,
  INTERNAL_FLASH_SIZE = 0x10000,
  CHIP_OTP = 0x08fff000,
  CHIP_OTP_BITS = 12, /* of its size */
  CHIP_UID = 0x08fff800,
  CHIP_ROM = 0x1ff00000,
  CHIP_ROM_BITS = 20,
  AXI_SRAM = 0x24000000,
  AXI_SRAM_SIZE = 0x72000,
  AHB_SRAM = 0x30000000,
  AHB_SRAM_SIZE = 0x8000,
  BUS_HANGS = 0x25000000, /* ES0596 2.2.17: at any access, also without a GFXMMU */
  BUS_HANGS_BITS = 24,
  DTCM = 0x20000000,
  DTCM_SIZE = 0x10000,
  USB_HS_BASE = 0x40040000,
  USB_FS_BASE = 0x40080000,
  XSPI2_WINDOW = 0x70000000,
  XSPI1_WINDOW = 0x90000000,
  XSPI_WINDOW_SIZE = 0x10000000,
};
#define DBGMCU_IDCODE 0x5c001000u

/* Lines of the NVIC. */
enum { USB_HS_INTERRUPT = 91, USB_FS_INTERRUPT = 112 };

/* --- CRS: clock recovery of the 48 MHz oscillator */
enum { CRS_CR = 0x40008400, CRS_CFGR = 0x40008404 };
#define CRS_CR_CEN (1u << 5)
#define CRS_CR_AUTOTRIMEN (1u << 6)
#define CRS_CFGR_SYNCSRC (3u << 28)
#define CRS_CFGR_SYNCSRC_USB_FS (2u << 28)

/* --- FLASH */
enum {
  FLASH_ACR = 0x52002000,
  FLASH_KEYR = 0x52002004,
  FLASH_CR = 0x52002010,
  FLASH_SR = 0x52002014,
  FLASH_ISR = 0x52002024,
  FLASH_ICR = 0x52002028,
  FLASH_OBW2SR = 0x52002268,
};
#define FLASH_ACR_LATENCY 0xfu
#define FLASH_ACR_WRHIGHFREQ_AT 4
#define FLASH_ACR_WRHIGHFREQ (3u << 4)
#define FLASH_KEY_1 0x45670123u
#define FLASH_KEY_2 0xcdef89abu
#define FLASH_CR_LOCK (1u << 0)
#define FLASH_CR_PG (1u << 1)
#define FLASH_CR_SER (1u << 2)
#define FLASH_CR_BER (1u << 3)
#define FLASH_CR_START (1u << 5)
#define FLASH_CR_SSN_AT 6
#define FLASH_CR_SSN (7u << 6)
#define FLASH_CR_ALL_BANKS (1u << 24)
#define FLASH_SR_BUSY (1u << 0)
#define FLASH_SR_WBNE (1u << 1)
#define FLASH_SR_QW (1u << 2)
#define FLASH_ISR_EOPF (1u << 16)
#define FLASH_ISR_WRPERRF (1u << 17)
#define FLASH_ISR_PGSERRF (1u << 18)
#define FLASH_ISR_STRBERRF (1u << 19)
#define FLASH_ISR_INCERRF (1u << 21)
#define FLASH_ISR_SNECCERRF (1u << 25)
#define FLASH_ISR_DBECCERRF (1u << 26)
#define FLASH_OBW2_ITCM_AXI_SHARE (7u << 0)
#define FLASH_OBW2_DTCM_AXI_SHARE_AT 4
#define FLASH_OBW2_DTCM_AXI_SHARE (7u << 4)

/* --- GPIO: port A; each further letter 0x400 behind */
enum {
  GPIO_A = 0x58020000,
  GPIO_STEP = 0x400,
  GPIO_MODER = 0x00,
  GPIO_OSPEEDR = 0x08,
  GPIO_PUPDR = 0x0c,
  GPIO_IDR = 0x10,
  GPIO_AFRL = 0x20,
  GPIO_AFRH = 0x24,
};

/* --- HASH */
enum {
  HASH_CR = 0x48020400,
  HASH_DIN = 0x48020404,
  HASH_STR = 0x48020408,
  HASH_SR = 0x48020424,
  HASH_DIGEST = 0x48020710,
};
#define HASH_CR_INIT (1u << 2)
#define HASH_CR_DATATYPE_BYTES (2u << 4)
#define HASH_CR_ALGO_SHA256 (3u << 17)
#define HASH_STR_DCAL (1u << 8)
#define HASH_SR_DCIS (1u << 1)

/* --- IWDG */
enum { IWDG_KR = 0x58004800 };
#define IWDG_KEY_RELOAD 0xaaaau

/* --- PWR */
enum {
  PWR_CR1 = 0x58024800,
  PWR_SR1 = 0x58024804,
  PWR_CSR2 = 0x5802480c,
  PWR_CSR4 = 0x58024814,
};
#define PWR_CR1_DBP (1u << 8)
#define PWR_SR1_ACTVOSRDY (1u << 1)
#define PWR_CSR2_BYPASS (1u << 0)
#define PWR_CSR2_LDOEN (1u << 1)
#define PWR_CSR2_SDEN (1u << 2)
#define PWR_CSR2_SDEXTHP (1u << 3)
#define PWR_CSR2_SDLEVEL (1u << 4)
#define PWR_CSR2_SUPPLY 0x1fu
#define PWR_CSR2_EN_XSPIM1 (1u << 14)
#define PWR_CSR2_EN_XSPIM2 (1u << 15)
#define PWR_CSR2_SDEXTRDY (1u << 16)
#define PWR_CSR2_USB33DEN (1u << 24)
#define PWR_CSR2_USB33RDY (1u << 26)
#define PWR_CSR2_USBHSREGEN (1u << 27)
#define PWR_CSR4_VOS (1u << 0)
#define PWR_CSR4_VOSRDY (1u << 1)

/* --- RCC */
enum {
  RCC_CR = 0x58024400,
  RCC_CFGR = 0x58024410,
  RCC_CDCFGR = 0x58024418,
  RCC_BMCFGR = 0x5802441c,
  RCC_APBCFGR = 0x58024420,
  RCC_PLLCKSELR = 0x58024428,
  RCC_PLLCFGR = 0x5802442c,
  RCC_PLL1DIVR1 = 0x58024430,
  RCC_PLL1FRACR = 0x58024434,
  RCC_PLL2DIVR1 = 0x58024438,
  RCC_PLL2FRACR = 0x5802443c,
  RCC_CCIPR1 = 0x5802444c,
  RCC_AHB5RSTR = 0x5802447c,
  RCC_AHB1RSTR = 0x58024480,
  RCC_AHB3RSTR = 0x580244a4,
  RCC_PLL1DIVR2 = 0x580244c0,
  RCC_PLL2DIVR2 = 0x580244c4,
  RCC_CKPROTR = 0x58024500,
  RCC_RSR = 0x58024530,
  RCC_AHB5ENR = 0x58024534,
  RCC_AHB1ENR = 0x58024538,
  RCC_AHB2ENR = 0x5802453c,
  RCC_AHB4ENR = 0x58024540,
  RCC_APB1ENR2 = 0x5802454c,
  RCC_APB4ENR = 0x58024554,
  RCC_AHB3ENR = 0x58024558,
};
#define RCC_CR_HSION (1u << 0)
#define RCC_CR_HSIRDY (1u << 2)
#define RCC_CR_HSIDIV (3u << 3)
#define RCC_CR_HSIDIVF (1u << 5)
#define RCC_CR_CSION (1u << 7)
#define RCC_CR_CSIRDY (1u << 8)
#define RCC_CR_HSI48ON (1u << 12)
#define RCC_CR_HSI48RDY (1u << 13)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_HSEEXT (1u << 19)
#define RCC_CR_PLL1ON (1u << 24)
#define RCC_CR_PLL1RDY (1u << 25)
#define RCC_CR_PLL2ON (1u << 26)
#define RCC_CR_PLL2RDY (1u << 27)
#define RCC_CR_PLL3ON (1u << 28)
#define RCC_CR_PLL3RDY (1u << 29)
#define RCC_CFGR_SW 7u
#define RCC_CFGR_SW_HSI 0u
#define RCC_CFGR_SW_PLL1 3u
#define RCC_CFGR_SWS (7u << 3)
#define RCC_CFGR_SWS_HSI (0u << 3)
#define RCC_CFGR_SWS_PLL1 (3u << 3)
#define RCC_BMCFGR_DIV2 8u
#define RCC_APBCFGR_ALL_DIV2 0x4444u
#define RCC_PLLCKSELR_HSI 0u
#define RCC_PLLCKSELR_DIVM1_AT 4
#define RCC_PLLCKSELR_DIVM2_AT 12
#define RCC_PLLCFGR_RANGE_4_8_MHZ 2u
#define RCC_PLLCFGR_PLL1RGE_AT 3
#define RCC_PLLCFGR_PLL1PEN (1u << 5)
#define RCC_PLLCFGR_PLL2RGE_AT 14
#define RCC_PLLCFGR_PLL2SEN (1u << 19)
#define RCC_CCIPR1_XSPI1SEL (3u << 4)
#define RCC_CCIPR1_XSPI1SEL_PLL2S (1u << 4)
#define RCC_CCIPR1_XSPI2SEL (3u << 6)
#define RCC_CCIPR1_XSPI2SEL_PLL2S (1u << 6)
#define RCC_CCIPR1_USBREFCKSEL (0xfu << 8)
#define RCC_CCIPR1_USBREFCKSEL_AT 8
#define RCC_CCIPR1_USBPHYCSEL (3u << 12)
#define RCC_CCIPR1_OTGFSSEL (3u << 14)
#define RCC_AHB5_XSPI1 (1u << 5)
#define RCC_AHB5_XSPI2 (1u << 12)
#define RCC_AHB5_XSPIM (1u << 14)
#define RCC_AHB1_USB_HS (1u << 25)
#define RCC_AHB1_USB_PHY (1u << 26)
#define RCC_AHB1_USB_FS (1u << 27)
#define RCC_AHB2_SRAM (3u << 29) /* the two at AHB_SRAM */
#define RCC_AHB3_HASH (1u << 1)
#define RCC_APB1_2_CRS (1u << 1)
#define RCC_APB4_SBS (1u << 1)
#define RCC_APB4_RTC (1u << 16)

/* --- SBS */
enum {
  SBS_BOOTSR = 0x58000400,
  SBS_CCCSR = 0x58000510,
  SBS_CCVALR = 0x58000514,
  SBS_CCSWVALR = 0x58000518,
};
#define SBS_CCCSR_XSPI1_COMP_EN (1u << 2)
#define SBS_CCCSR_XSPI1_CODESEL (1u << 3)
#define SBS_CCCSR_XSPI2_COMP_EN (1u << 4)
#define SBS_CCCSR_XSPI2_CODESEL (1u << 5)
#define SBS_CCCSR_XSPI1_COMP_RDY (1u << 9)
#define SBS_CCCSR_XSPI2_COMP_RDY (1u << 10)
#define SBS_CCCSR_XSPI1_IOHSLV (1u << 17)
#define SBS_CCCSR_XSPI2_IOHSLV (1u << 18)
#define SBS_CODE_XSPI1_AT 8 /* of CCVALR and CCSWVALR */
#define SBS_CODE_XSPI2_AT 16
#define SBS_CODE 0xffu

/* --- TAMP: registers that keep what they hold through resets */
enum { TAMP_BKP0R = 0x58004500 };

/* --- XSPI, as offsets; its manager */
enum {
  XSPI1_BASE = 0x52005000,
  XSPI2_BASE = 0x5200a000,
  XSPIM_CR = 0x5200b400,
  XSPI_CR = 0x000,
  XSPI_DCR1 = 0x008,
  XSPI_DCR2 = 0x00c,
  XSPI_DCR3 = 0x010,
  XSPI_DCR4 = 0x014,
  XSPI_SR = 0x020,
  XSPI_FCR = 0x024,
  XSPI_DLR = 0x040,
  XSPI_AR = 0x048,
  XSPI_DR = 0x050,
  XSPI_CCR = 0x100,
  XSPI_TCR = 0x108,
  XSPI_IR = 0x110,
  XSPI_LPTR = 0x130,
  XSPI_WCCR = 0x180,
  XSPI_WTCR = 0x188,
  XSPI_WIR = 0x190,
};
#define XSPI_CR_EN (1u << 0)
#define XSPI_CR_ABORT (1u << 1)
#define XSPI_CR_FTHRES_AT 8
#define XSPI_CR_FMODE (3u << 28)
#define XSPI_CR_FMODE_WRITE (0u << 28)
#define XSPI_CR_FMODE_READ (1u << 28)
#define XSPI_CR_FMODE_MAPPED (3u << 28)
#define XSPI_DCR1_CSHT_AT 8
#define XSPI_DCR1_DEVSIZE_AT 16
#define XSPI_DCR1_MTYP (7u << 24)
#define XSPI_DCR1_MTYP_AT 24
#define XSPI_SR_TEF (1u << 0)
#define XSPI_SR_TCF (1u << 1)
#define XSPI_SR_FTF (1u << 2)
#define XSPI_SR_BUSY (1u << 5)
#define XSPI_SR_FLEVEL_AT 8
#define XSPI_SR_FLEVEL 0x7fu
#define XSPI_FCR_ALL 0x1bu
#define XSPI_CCR_IMODE_AT 0
#define XSPI_CCR_IDTR (1u << 3)
#define XSPI_CCR_ISIZE_AT 4
#define XSPI_CCR_ADMODE_AT 8
#define XSPI_CCR_ADDTR (1u << 11)
#define XSPI_CCR_ADSIZE_AT 12
#define XSPI_CCR_DMODE_AT 24
#define XSPI_CCR_DDTR (1u << 27)
#define XSPI_CCR_DQSE (1u << 29)
#define XSPI_TCR_DHQC (1u << 28)
#define XSPI_TCR_SSHIFT (1u << 30)
#define XSPIM_CR_MUXEN (1u << 0)
#define XSPIM_CR_SWAPPED (1u << 1) /* XSPI1 is on port 2, and XSPI2 on port 1 */

#endif
