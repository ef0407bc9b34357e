// What a flash chip outside answers to which command, and what the controller needs for it.
#include "serial_steps.h"

#define READ4 0x13u
#define WRITE_STATUS 0x01u
#define SUSPEND 0xb0u
#define RESET 0x99u
#define POWER_DOWN 0xb9u
#define QUAD_READ 0x6bu
#define OCTAL_READ 0xee11u
#define WIP 1u
#define RCC_CCIPR1 REG(RCC_BASE + 0x4cu)
#define XSPI_CR_DMM (1u << 6)
#define XSPI_CR_CSSEL (1u << 24)
#define SSHIFT (1u << 30)

static uint32_t status(void) {
  mode(XSPI_CR_READ);
  put(XSPI_DLR, 0);
  put(XSPI_TCR, 0);
  put(XSPI_CCR, ON_ONE | DATA);
  put(XSPI_IR, READ_STATUS);
  finish();
  return BYTE(xspi + XSPI_DR);
}
static void write_status(uint32_t bytes, uint32_t value) {
  plain(WRITE_ENABLE);
  put(XSPI_DLR, bytes - 1u);
  put(XSPI_CCR, ON_ONE | DATA);
  put(XSPI_IR, WRITE_STATUS);
  for (uint32_t i = 0; i < bytes; ++i) BYTE(xspi + XSPI_DR) = (uint8_t)(value >> (8u * i));
  finish();
  while ((status() & WIP) != 0) continue;
}

RULE(protected_block,
     "XSPI2: instruction 2h, address 0h: a write or an erase of a protected block") {
  start();
  write_status(1, 0x3cu);
  plain(WRITE_ENABLE);
  write_byte(ON_ONE | ADDRESS3 | DATA, PROGRAM, 0, 1u);
}

RULE(program_that_wraps,
     "XSPI2: instruction 2h, address FFh: a program that wraps within its page") {
  start();
  plain(WRITE_ENABLE);
  put(XSPI_DLR, 1u);
  put(XSPI_CCR, ON_ONE | ADDRESS3 | DATA);
  put(XSPI_IR, PROGRAM);
  put(XSPI_AR, 0xffu);
  HALF(xspi + XSPI_DR) = 0;
}

BOARD(more_than_the_status, "MT25QL512ABB")
RULE(more_than_the_status,
     "XSPI2: instruction 5h, address 0h: a write of more than the status register") {
  start();
  write_status(2, 0);
}

BOARD(left_in_continuous_read, "W25Q128JV continuous-read")
RULE(left_in_continuous_read, "XSPI2: instruction 3h, address 0h: a command in a continuous read") {
  start();
  read(ON_ONE | ADDRESS3 | DATA, READ, 0, 0);
}

RULE(powered_down,
     "XSPI2: instruction 3h, address 0h: a command other than release in deep power down") {
  start();
  plain(POWER_DOWN);
  read(ON_ONE | ADDRESS3 | DATA, READ, 0, 0);
}

RULE(beyond_the_last_byte,
     "XSPI2: instruction 13h, address 8000000h: an address beyond the last byte") {
  start();
  read(ON_ONE | ADDRESS4 | DATA, READ4, 0x08000000u, 0);
}

BOARD(quad_not_enabled, "W25Q128JV")
RULE(quad_not_enabled,
     "XSPI2: instruction 6Bh, address 0h: a quad command without the quad-enable bit") {
  start();
  read(ON_ONE | ADDRESS3 | QUAD_DATA, QUAD_READ, 0, 8u);
}

RULE(reset_not_enabled, "XSPI2: instruction 99h, address 0h: reset without reset enable") {
  start();
  plain(RESET);
}

RULE(write_while_suspended,
     "XSPI2: instruction 2h, address 2000h: a write or an erase while one is suspended") {
  start();
  begin_erase(0);
  plain(SUSPEND);
  pause_us(100);
  plain(WRITE_ENABLE);
  write_byte(ON_ONE | ADDRESS3 | DATA, PROGRAM, 0x2000u, 1u);
}

RULE(configuration_that_lasts,
     "XSPI2: instruction 72h, address 400h: CR2 at 00000400h written with 01h") {
  start();
  plain(WRITE_ENABLE);
  write_byte(ON_ONE | ADDRESS4 | DATA, WRITE_MODE, 0x400u, 1u);
}

RULE(wrong_direction,
     "XSPI2: instruction 3h, address 0h: command 03h: data in the wrong direction") {
  start();
  write_byte(ON_ONE | ADDRESS3 | DATA, READ, 0, 1u);
}

// --- in octal mode

RULE(octal_address_on_one_edge,
     "XSPI2: instruction EE11h, address 0h: command EEh: wrong lanes or edges") {
  start();
  to_octal_dtr();
  read(OCTAL_DTR & ~(8u << 8), OCTAL_READ, 0, 20u);
}

RULE(octal_short_address,
     "XSPI2: instruction EE11h, address 0h: command EEh: not 4 address bytes") {
  start();
  to_octal_dtr();
  read(OCTAL_DTR & ~(1u << 12), OCTAL_READ, 0, 20u);
}

RULE(octal_half_a_clock,
     "XSPI2: instruction EE11h, address 0h: command EEh: 3 bytes in octal DTR") {
  start();
  to_octal_dtr();
  mode(XSPI_CR_READ);
  put(XSPI_DLR, 2u);
  put(XSPI_TCR, 20u);
  put(XSPI_CCR, OCTAL_DTR);
  put(XSPI_IR, OCTAL_READ);
  put(XSPI_AR, 0);
}

RULE(octal_odd_address,
     "XSPI2: instruction EE11h, address 1h: command EEh: odd address in octal DTR") {
  start();
  to_octal_dtr();
  read(OCTAL_DTR, OCTAL_READ, 1u, 20u);
}

RULE(octal_one_edge_awaited, "XSPI2: instruction 5h, address 0h: command 05h: not in octal STR") {
  start();
  plain(WRITE_ENABLE);
  write_byte(ON_ONE | ADDRESS4 | DATA, WRITE_MODE, 0, 1u);
  read(ON_ONE | DATA, READ_STATUS, 0, 0);
}

RULE(octal_no_complement,
     "XSPI2: instruction EE12h, address 0h: command EEh: the second byte is not its complement") {
  start();
  to_octal_dtr();
  read(OCTAL_DTR, 0xee12u, 0, 20u);
}

RULE(octal_unknown, "XSPI2: instruction 7788h, address 0h: command 77h: not an octal command") {
  start();
  to_octal_dtr();
  read(OCTAL_DTR, 0x7788u, 0, 20u);
}

// --- the controller

RULE(mapped_without_memory, "XSPI2: memory-mapped, and there is no memory") {
  start();
  put(XSPI_CR, XSPI_CR_EN | XSPI_CR_CSSEL);
  put(XSPI_CCR, ON_ONE | ADDRESS3 | DATA);
  put(XSPI_IR, READ);
  mode(XSPI_CR_MAPPED);
}

RULE(controller_without_clock, "XSPI2: a command without its kernel clock") {
  start();
  RCC_CCIPR1 |= 1u << 6;  // PLL2, which is off
  plain(WRITE_ENABLE);
}

BOARD(pair_without_double_mode, "MT25TL01G")
RULE(pair_without_double_mode, "XSPI2: one command to two chips without DMM in CR") {
  start();
  read(ON_ONE | DATA, READ_ID, 0, 0);
}

RULE(double_mode_without_pair, "XSPI2: DMM in CR, but there is one chip") {
  start();
  put(XSPI_CR, XSPI_CR_EN | XSPI_CR_DMM);
  read(ON_ONE | DATA, READ_ID, 0, 0);
}

RULE(late_sample_on_both_edges, "XSPI2: SSHIFT in TCR for data on both edges") {
  start();
  to_octal_dtr();
  read(OCTAL_DTR, OCTAL_READ, 0, SSHIFT | 20u);
}

RULE(read_without_end, "XSPI2: an indirect read of no data, or without an end") {
  start();
  mode(XSPI_CR_READ);
  put(XSPI_DLR, 0xffffffffu);
  put(XSPI_CCR, ON_ONE | DATA);
  put(XSPI_IR, READ_ID);
}

RULE(more_lanes_than_the_port, "XSPI2: a command, but port 2 of XSPIM has 8 lanes") {
  start();
  read(ON_ONE | ADDRESS3 | 5u << 24, READ, 0, 0);
}
