// The USB controller of full speed: its registers, and how it comes onto the bus. A host is
// connected: it resets whoever shows himself, and asks for its descriptor.
#pragma once

#include "strict.h"

#define OTG(offset) REG(0x40080000u + (offset))
#define GAHBCFG OTG(0x008u)
#define GUSBCFG OTG(0x00cu)
#define GRSTCTL OTG(0x010u)
#define GINTSTS OTG(0x014u)
#define GINTMSK OTG(0x018u)
#define GRXSTSP OTG(0x020u)
#define GRXFSIZ OTG(0x024u)
#define DIEPTXF0 OTG(0x028u)
#define GCCFG OTG(0x038u)
#define DIEPTXF1 OTG(0x104u)
#define DCFG OTG(0x800u)
#define DCTL OTG(0x804u)
#define DIEPCTL(n) OTG(0x900u + 0x20u * (n))
#define DIEPTSIZ(n) OTG(0x910u + 0x20u * (n))
#define DOEPCTL(n) OTG(0xb00u + 0x20u * (n))
#define DOEPTSIZ(n) OTG(0xb10u + 0x20u * (n))
#define FIFO(n) OTG(0x1000u * ((n) + 1u))
#define RXFLVL (1u << 4)
#define USBRST (1u << 12)
#define ENUMDNE (1u << 13)
#define EPENA (1u << 31)
#define EPDIS (1u << 30)
#define SNAK (1u << 27)
#define CNAK (1u << 26)
#define PACKETS(n) ((uint32_t)(n) << 19)

static inline void power(void) {
  run_fast();
  PWR_CSR2 |= 1u << 24 | 1u << 27;
  while ((PWR_CSR2 & 1u << 26) == 0) continue;
  RCC_CR |= RCC_HSI48ON;
  while ((RCC_CR & RCC_HSI48ON << 1) == 0) continue;
  RCC_AHB1ENR |= 1u << 27;
}

static inline void pins(void) {
  RCC_AHB4ENR |= 1u << 12;
  GPIO_AFRH('M') = 0x000aa000u;
  GPIO_MODER('M') = 0xfebfffffu;
}

static inline void start(void) {
  GUSBCFG |= 1u << 6;
  while ((GRSTCTL & 1u << 31) == 0) continue;
  GRSTCTL = 1u;
  while ((GRSTCTL & 1u) != 0) continue;
  GCCFG = 1u << 16;
  OTG(0x000u) |= 3u << 6;
  GUSBCFG |= 1u << 30;
  GUSBCFG = (GUSBCFG & ~0x3c00u) | 6u << 10;
  DCFG |= 3u;
  GRXFSIZ = 128u;
  DIEPTXF0 = 64u << 16 | 128u;
  DIEPTXF1 = 128u << 16 | 192u;
}

static inline void connect(void) {
  DCTL &= ~2u;
}

static inline void wait_for(uint32_t flag) {
  while ((GINTSTS & flag) == 0) pause_us(20);
}

// Through the reset, ready for a SETUP.
static inline void meet_the_host(void) {
  connect();
  wait_for(USBRST);
  GINTSTS = USBRST;
  DOEPTSIZ(0) = 3u << 29 | PACKETS(1) | 64u;
  wait_for(ENUMDNE);
  GINTSTS = ENUMDNE;
}

static inline void begin(void) {
  power();
  pins();
  start();
  meet_the_host();
}

static inline void open_bulk(void) {
  DIEPCTL(1) |= 64u | 2u << 18 | 1u << 22 | 1u << 28 | 1u << 15;
  DOEPCTL(1) |= 64u | 2u << 18 | 1u << 28 | 1u << 15;
}

static inline void enable_in(uint32_t size) {
  DIEPTSIZ(1) = PACKETS(1) | size;
  DIEPCTL(1) |= EPENA | CNAK;
}

static inline void take_setup(void) {
  wait_for(RXFLVL);
  (void)GRXSTSP;
  (void)FIFO(0);
  (void)FIFO(0);
  wait_for(RXFLVL);
  (void)GRXSTSP;
}
