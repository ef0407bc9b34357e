// The PSRAM: 8 lanes, an instruction on one edge, address and data on both.
#include "serial_steps.h"

#define PSRAM_READ (4u | 4u << 8 | 1u << 11 | 3u << 12 | 4u << 24 | 1u << 27 | STROBE)
#define PSRAM_WINDOW 0x90000000u

static void start_psram(bool at_once) {
  if (!at_once) run_fast();
  xspi = XSPI1;
  PWR_CSR2 |= PWR_EN_XSPIM1;
  RCC_AHB5ENR |= 1u << 5 | 1u << 14;
  RCC_AHB4ENR |= 1u << 14 | 1u << 15;
  GPIO_AFRL('O') = 0x00099909u;
  GPIO_MODER('O') = 0xfffffeaeu & ~(1u << 4);
  GPIO_AFRL('P') = 0x99999999u;
  GPIO_AFRH('P') = 0x99999999u;
  GPIO_MODER('P') = 0xaaaaaaaau;
  put(XSPI_DCR1, 24u << 16 | 4u << 8 | 0u << 24);
  put(XSPI_DCR2, 5u);
  while ((get(XSPI_SR) & XSPI_SR_BUSY) != 0) continue;
  put(XSPI_CR, XSPI_CR_EN);
}

RULE(psram_wrong_latency,
     "XSPI1: instruction 20h, address 0h: 7 dummy cycles where its latency is 5") {
  start_psram(false);
  read(PSRAM_READ, 0x20u, 0, 7u);
}

RULE(psram_wrong_lanes,
     "XSPI1: instruction 20h, address 0h: a command on other than eight lanes with an address on "
     "both edges") {
  start_psram(false);
  read(ON_ONE | ADDRESS4 | DATA, 0x20u, 0, 4u);
}

RULE(psram_not_ready, "XSPI1: instruction 20h, address 0h: a command before the PSRAM was ready") {
  start_psram(true);
  read(PSRAM_READ, 0x20u, 0, 4u);
}

RULE(psram_wrong_latency_mapped,
     "XSPI1: instruction 20h, address 0h: 8 dummy cycles where its latency is 5") {
  start_psram(false);
  map(PSRAM_READ, 0x20u, 8u);
  (void)REG(PSRAM_WINDOW);
}

RULE(psram_unknown_command,
     "XSPI1: instruction 77h, address 0h: command 77h, which it does not know") {
  start_psram(false);
  read(PSRAM_READ, 0x77u, 0, 4u);
}

RULE(psram_data_on_one_edge,
     "XSPI1: instruction 20h, address 0h: data on 8 lanes where MR8 says 8 and both edges") {
  start_psram(false);
  read(PSRAM_READ & ~(1u << 27 | STROBE), 0x20u, 0, 4u);
}

RULE(psram_beyond_the_end,
     "XSPI1: instruction 20h, address 200000h: an address beyond the last byte") {
  start_psram(false);
  read(PSRAM_READ, 0x20u, 0x200000u, 4u);
}

RULE(psram_no_such_register,
     "XSPI1: instruction 40h, address 20h: a mode register that it does not have") {
  start_psram(false);
  read(PSRAM_READ, 0x40u, 0x20u, 4u);
}

RULE(psram_register_on_one_edge,
     "XSPI1: instruction 40h, address 0h: a mode register on other than eight lanes and both "
     "edges") {
  start_psram(false);
  read(PSRAM_READ & ~(1u << 27 | STROBE), 0x40u, 0, 4u);
}

RULE(psram_clock_too_fast, "XSPI1: instruction 20h, address 0h: a clock of 300000000 Hz") {
  start_psram(false);
  put(XSPI_DCR2, 0);
  while ((get(XSPI_SR) & XSPI_SR_BUSY) != 0) continue;
  read(PSRAM_READ, 0x20u, 0, 4u);
}

RULE(psram_written_without_strobe,
     "XSPI1: a write to the window without DQSE in WCCR, which goes wrong (ES0596 2.4.1)") {
  start_psram(false);
  put(XSPI_WTCR, 4u);
  put(XSPI_WCCR, PSRAM_READ & ~STROBE);
  put(XSPI_WIR, 0xa0u);
  map(PSRAM_READ, 0x20u, 4u);
  (void)REG(PSRAM_WINDOW);
  REG(PSRAM_WINDOW) = 0;
}

RULE(psram_with_boundaries,
     "XSPI1: CSBOUND in DCR3 for 16 lanes on both edges: a deadlock (ES0596 2.4.5)") {
  start_psram(false);
  put(XSPI_DCR3, 14u << 16);
  read((PSRAM_READ & ~(7u << 24)) | 5u << 24, 0x20u, 0, 4u);
}
