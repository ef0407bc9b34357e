// The 64 KB inside: keys, sectors, and words of 16 bytes that are written once.
#include "strict.h"

#define PG 2u
#define SER 4u
#define FORCE 0x10u
#define START 0x20u
#define LAST_SECTOR 0x0800e000u
// Where whoever runs it has broken a word.
#define BROKEN 0x08008010u
#define DBECCERR (1u << 26)

static void unlock(void) {
  FLASH_KEYR = 0x45670123u;
  FLASH_KEYR = 0xcdef89abu;
}

static void erase(uint32_t sector) {
  FLASH_CR = SER | sector << 6 | START;
  while ((FLASH_SR & 5u) != 0) pause_us(20);
  FLASH_CR = 0;
}

static void program(uint32_t address, uint32_t words) {
  for (uint32_t i = 0; i < words; ++i) REG(address + 4u * i) = i;
}

RULE(flash_locked, "FLASH: CR written while it is locked") {
  FLASH_CR = PG;
}

RULE(flash_wrong_key, "FLASH: a wrong key, or one too many, for CR: locked until a reset") {
  FLASH_KEYR = 0x45670124u;
}

RULE(flash_key_too_many, "FLASH: a wrong key, or one too many, for CR: locked until a reset") {
  unlock();
  FLASH_KEYR = 0x45670123u;
}

RULE(options_locked, "FLASH: OPTCR written while it is locked") {
  unlock();
  FLASH_OPTCR = 2u;
}

RULE(no_program_mode, "FLASH: a write to 0800E000h without PG in CR") {
  unlock();
  erase(7);
  program(LAST_SECTOR, 4);
}

RULE(half_a_flash_word,
     "FLASH: a write to 0800E010h while the flash word at 0800E000h is not full") {
  unlock();
  FLASH_CR = PG;
  program(LAST_SECTOR, 2);
  program(LAST_SECTOR + 16u, 2);
}

RULE(half_a_flash_word_lost, "FLASH: PG cleared with 8 bytes in the write buffer, which are lost") {
  unlock();
  FLASH_CR = PG;
  program(LAST_SECTOR, 2);
  FLASH_CR = 0;
}

RULE(flash_byte_twice, "FLASH: the byte at 0800E000h written twice") {
  unlock();
  FLASH_CR = PG;
  program(LAST_SECTOR, 1);
  program(LAST_SECTOR, 1);
}

RULE(flash_word_twice, "FLASH: program over a program at 0x800e000") {
  unlock();
  erase(7);
  FLASH_CR = PG;
  program(LAST_SECTOR, 4);
  while ((FLASH_SR & 5u) != 0) pause_us(20);
  program(LAST_SECTOR, 4);
}

RULE(flash_busy, "FLASH: an erase started while an operation runs") {
  unlock();
  FLASH_CR = SER | 7u << 6 | START;
  FLASH_CR = SER | 6u << 6 | START;
}

RULE(flash_word_while_busy, "FLASH: a flash word is full while an operation runs") {
  unlock();
  FLASH_CR = PG;
  program(LAST_SECTOR, 4);
  program(LAST_SECTOR + 16u, 4);
}

RULE(flash_interrupts_locked, "FLASH: IER written while CR is locked") {
  REG(0x52002020u) = 1u << 16;
}

RULE(flash_starts_nothing, "FLASH: START without SER or BER") {
  unlock();
  FLASH_CR = START;
}

RULE(flash_word_broken, "a read of 4 bytes at 0x08008010 that fails, as a write there was cut") {
  EXPECT(REG(BROKEN - 4u) == 0xffffffffu);
  (void)REG(BROKEN);
}

ALLOWED(flash_word_broken) {
  __asm__ volatile("cpsid f" : : : "memory");
  CCR |= 1u << 8;
  barrier();
  EXPECT(REG(BROKEN - 4u) == 0xffffffffu && REG(BROKEN + 16u) == 0xffffffffu);
  EXPECT((FLASH_ISR & DBECCERR) == 0);
  (void)REG(BROKEN + 4u);
  EXPECT((FLASH_ISR & DBECCERR) != 0 && FLASH_ECCDFADDR == BROKEN + 4u);
  FLASH_ICR = DBECCERR;
  EXPECT((FLASH_ISR & DBECCERR) == 0);
}

ALLOWED(flash_word_mended) {
  unlock();
  erase(4);
  EXPECT(REG(BROKEN) == 0xffffffffu);
  FLASH_CR = PG;
  program(BROKEN, 4);
  while ((FLASH_SR & 5u) != 0) pause_us(20);
  EXPECT(REG(BROKEN + 8u) == 2u);
}
