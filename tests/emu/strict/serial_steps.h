// The controllers that speak to flash and PSRAM outside, and what a program does first with them.
// The board has an MX66UW1G45G on port 2, and a PSRAM on port 1.
#pragma once

#include "strict.h"

#define XSPI1 0x52005000u
#define XSPI2 0x5200a000u
#define XSPIM_CR REG(0x5200b400u)
#define XSPI_CR 0x00u
#define XSPI_DCR1 0x08u
#define XSPI_DCR2 0x0cu
#define XSPI_DCR3 0x10u
#define XSPI_SR 0x20u
#define XSPI_FCR 0x24u
#define XSPI_DLR 0x40u
#define XSPI_AR 0x48u
#define XSPI_DR 0x50u
#define XSPI_CCR 0x100u
#define XSPI_TCR 0x108u
#define XSPI_IR 0x110u
#define XSPI_WCCR 0x180u
#define XSPI_WTCR 0x188u
#define XSPI_WIR 0x190u

#define XSPI_CR_EN 1u
#define XSPI_CR_DMAEN (1u << 2)
#define XSPI_CR_READ (1u << 28)
#define XSPI_CR_POLL (2u << 28)
#define XSPI_CR_MAPPED (3u << 28)
#define XSPI_SR_TCF 2u
#define XSPI_SR_BUSY 0x20u

// XSPI_CCR.
#define ON_ONE 1u
#define ADDRESS3 (1u << 8 | 2u << 12)
#define ADDRESS4 (1u << 8 | 3u << 12)
#define DATA (1u << 24)
#define QUAD_DATA (3u << 24)
#define STROBE (1u << 29)
#define OCTAL_DTR (4u | 8u | 1u << 4 | (4u | 8u) << 8 | 3u << 12 | (4u | 8u) << 24 | STROBE)

#define WRITE_ENABLE 0x06u
#define READ_STATUS 0x05u
#define READ 0x03u
#define FAST_READ 0x0bu
#define PROGRAM 0x02u
#define ERASE_4K 0x20u
#define READ_ID 0x9fu
#define WRITE_MODE 0x72u

static uint32_t xspi = XSPI2;

static inline void put(uint32_t offset, uint32_t value) {
  REG(xspi + offset) = value;
}
static inline uint32_t get(uint32_t offset) {
  return REG(xspi + offset);
}

static inline void pins(void) {
  GPIO_AFRL('N') = 0x99999999u;
  GPIO_AFRH('N') = 0x00009999u;
  GPIO_MODER('N') = 0xffaaaaaau;
}

// Up to the pins, which are not yet connected; 50 MHz.
static inline void start_without_pins(void) {
  run_fast();
  pause_us(3000);  // the flash wakes up
  PWR_CSR2 |= PWR_EN_XSPIM2;
  RCC_AHB5ENR |= 1u << 12 | 1u << 14 | 1u << 5;
  RCC_AHB4ENR |= 1u << 13;
  put(XSPI_DCR1, 2u << 24 | 31u << 16 | 4u << 8);
  put(XSPI_DCR2, 5u);
  while ((get(XSPI_SR) & XSPI_SR_BUSY) != 0) continue;
}

static inline void start(void) {
  start_without_pins();
  pins();
  put(XSPI_CR, XSPI_CR_EN);
}

static inline void mode(uint32_t bits) {
  put(XSPI_CR, (get(XSPI_CR) & ~XSPI_CR_MAPPED) | bits);
}
static inline void finish(void) {
  while ((get(XSPI_SR) & XSPI_SR_TCF) == 0) continue;
  put(XSPI_FCR, 0x1bu);
}
static inline void plain(uint32_t opcode) {
  mode(0);
  put(XSPI_TCR, 0);
  put(XSPI_CCR, ON_ONE);
  put(XSPI_IR, opcode);
  finish();
}
// Up to 4 bytes.
static inline void read(uint32_t ccr, uint32_t opcode, uint32_t address, uint32_t dummies) {
  mode(XSPI_CR_READ);
  put(XSPI_DLR, 3u);
  put(XSPI_TCR, dummies);
  put(XSPI_CCR, ccr);
  put(XSPI_IR, opcode);
  if ((ccr >> 8 & 7u) != 0) put(XSPI_AR, address);
  finish();
  (void)get(XSPI_DR);
}
static inline void write_byte(uint32_t ccr, uint32_t opcode, uint32_t address, uint8_t byte) {
  mode(0);
  put(XSPI_TCR, 0);
  put(XSPI_DLR, 0);
  put(XSPI_CCR, ccr);
  put(XSPI_IR, opcode);
  if ((ccr >> 8 & 7u) != 0) put(XSPI_AR, address);
  BYTE(xspi + XSPI_DR) = byte;
  finish();
}
static inline void begin_erase(uint32_t address) {
  plain(WRITE_ENABLE);
  put(XSPI_CCR, ON_ONE | ADDRESS3);
  put(XSPI_IR, ERASE_4K);
  put(XSPI_AR, address);
  finish();
}
static inline void to_octal_dtr(void) {
  plain(WRITE_ENABLE);
  write_byte(ON_ONE | ADDRESS4 | DATA, WRITE_MODE, 0, 2u);
}
static inline void map(uint32_t ccr, uint32_t opcode, uint32_t dummies) {
  mode(0);
  put(XSPI_TCR, dummies);
  put(XSPI_CCR, ccr);
  put(XSPI_IR, opcode);
  mode(XSPI_CR_MAPPED);
}
