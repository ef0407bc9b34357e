// HASH, RNG, CRS, TAMP and IWDG.
#include "strict.h"

#define HASH(offset) REG(0x48020400u + (offset))
#define HASH_CR HASH(0x00u)
#define HASH_DIN HASH(0x04u)
#define HASH_STR HASH(0x08u)
#define HASH_HR0 HASH(0x310u)
#define HASH_SHA256 (3u << 17 | 2u << 4)
#define HASH_INIT 4u
#define HASH_DMAE 8u
#define HASH_DCAL 0x100u
#define RNG(offset) REG(0x48020000u + (offset))
#define CRS(offset) REG(0x40008400u + (offset))
#define TAMP_BKP0R REG(0x58004500u)
#define BACKUP_SRAM 0x38800000u
#define BKPRAMEN (1u << 28)
#define IWDG(offset) REG(0x58004800u + (offset))

static void start_hash(void) {
  RCC_AHB3ENR |= 2u;
  HASH_CR = HASH_SHA256 | HASH_INIT;
}

RULE(hash_other_algorithm,
     "HASH: only SHA-256 of words or bytes is modelled, not 00000004h in CR") {
  RCC_AHB3ENR |= 2u;
  HASH_CR = HASH_INIT;
}

RULE(hash_before_start, "HASH: DIN written before INIT") {
  RCC_AHB3ENR |= 2u;
  HASH_DIN = 1u;
}

RULE(hash_digest_too_early, "HASH: a digest read before DCIS says that it is there") {
  start_hash();
  HASH_DIN = 1u;
  HASH_STR = HASH_DCAL;
  (void)HASH_HR0;
}

RULE(hash_data_too_late, "HASH: DIN written while the digest is computed") {
  start_hash();
  HASH_DIN = 1u;
  HASH_STR = HASH_DCAL;
  HASH_DIN = 1u;
}

RULE(hash_last_bits_with_start, "HASH: NBLW changed together with DCAL: it stays as it was") {
  start_hash();
  HASH_DIN = 1u;
  HASH_STR = HASH_DCAL | 8u;
}

RULE(hash_end_without_start, "HASH: DCAL before INIT") {
  RCC_AHB3ENR |= 2u;
  HASH_STR = HASH_DCAL;
}

RULE(hash_length_that_is_none, "HASH: NBLW does not fit what was written to DIN") {
  start_hash();
  HASH_STR = 5u;
  HASH_DIN = 1u;
  HASH_STR = HASH_DCAL | 5u;
}

RULE(hash_with_dma, "HASH: its DMA requests are not modelled") {
  RCC_AHB3ENR |= 2u;
  HASH_CR = HASH_SHA256 | HASH_DMAE;
}

RULE(random_configured_at_once, "RNG: CR's configuration written without CONDRST") {
  RCC_AHB3ENR |= 1u;
  RNG(0x00u) ^= 0x20u;
}

RULE(random_too_early, "RNG: DR read while SR.DRDY says that there is no number") {
  RCC_CR |= RCC_HSI48ON;
  pause_us(100);
  RCC_AHB3ENR |= 1u;
  RNG(0x00u) |= 4u;
  (void)RNG(0x08u);
}

RULE(recovery_changed, "CRS: CFGR written while CEN in CR protects it") {
  RCC_APB1ENR2 |= 2u;
  CRS(0x00u) |= 0x20u;
  CRS(0x04u) = 0x1022bb7fu;
}

RULE(backup_register_protected, "TAMP: BKP0R written while PWR_CR1.DBP protects it") {
  TAMP_BKP0R = 1u;
}

RULE(backup_sram_without_clock, "backup SRAM: an access without its clock in RCC") {
  (void)REG(BACKUP_SRAM);
}

RULE(backup_sram_protected, "backup SRAM: a write at offset 4h while PWR_CR1.DBP protects it") {
  RCC_AHB4ENR |= BKPRAMEN;
  (void)REG(BACKUP_SRAM);
  REG(BACKUP_SRAM + 4u) = 1u;
}

ALLOWED(backup_sram) {
  RCC_AHB4ENR |= BKPRAMEN;
  PWR_CR1 |= PWR_DBP;
  REG(BACKUP_SRAM + 4u) = 7u;
  BYTE(BACKUP_SRAM + 5u) = 1u;
  EXPECT(REG(BACKUP_SRAM + 4u) == 0x107u);
}

RULE(watchdog_without_key, "IWDG: PR written without the key 5555h in KR before it") {
  IWDG(0x04u) = 1u;
}

RULE(watchdog_wrong_key, "IWDG: 1234h written to KR, which is no key") {
  IWDG(0x00u) = 0x1234u;
}

RULE(watchdog_busy, "IWDG: RLR written while SR says that it takes over the value before") {
  IWDG(0x00u) = 0xccccu;
  IWDG(0x00u) = 0x5555u;
  IWDG(0x08u) = 99u;
  IWDG(0x08u) = 98u;
}

ALLOWED(watchdog) {
  IWDG(0x00u) = 0xccccu;
  IWDG(0x00u) = 0x5555u;
  IWDG(0x04u) = 2u;
  IWDG(0x08u) = 99u;
  while (IWDG(0x0cu) != 0) pause_us(20);
  IWDG(0x00u) = 0xaaaau;
}
