// The flash outside, and the controllers that speak to it.
#include "serial_steps.h"

RULE(program_without_write_enable,
     "XSPI2: instruction 2h, address 0h: a write or an erase without write enable") {
  start();
  write_byte(ON_ONE | ADDRESS3 | DATA, PROGRAM, 0, 1u);
}

RULE(erase_without_write_enable,
     "XSPI2: instruction 20h, address 0h: a write or an erase without write enable") {
  start();
  put(XSPI_CCR, ON_ONE | ADDRESS3);
  put(XSPI_IR, ERASE_4K);
  put(XSPI_AR, 0);
}

RULE(program_while_busy,
     "XSPI2: instruction 2h, address 2000h: a command other than a status read while busy") {
  start();
  begin_erase(0);
  write_byte(ON_ONE | ADDRESS3 | DATA, PROGRAM, 0x2000u, 1u);
}

RULE(write_enable_while_busy,
     "XSPI2: instruction 6h, address 0h: a command other than a status read while busy") {
  start();
  begin_erase(0);
  plain(WRITE_ENABLE);
}

RULE(fetch_from_busy_chip,
     "XSPI2: instruction 3h, address 10000h: a command other than a status read while busy") {
  start();
  begin_erase(0);
  map(ON_ONE | ADDRESS3 | DATA, READ, 0);
  (void)REG(0x70010000u);
}

RULE(run_from_busy_chip,
     "XSPI2: instruction 3h, address 10000h: a command other than a status read while busy") {
  start();
  begin_erase(0);
  map(ON_ONE | ADDRESS3 | DATA, READ, 0);
  ((void (*)(void))0x70010001u)();
}

RULE(wrong_dummies, "XSPI2: instruction Bh, address 0h: command 0Bh: 7 dummy cycles") {
  start();
  read(ON_ONE | ADDRESS3 | DATA, FAST_READ, 0, 7u);
}

RULE(wrong_lanes, "XSPI2: instruction Bh, address 0h: command 0Bh: wrong lanes") {
  start();
  read(ON_ONE | ADDRESS3 | QUAD_DATA, FAST_READ, 0, 8u);
}

RULE(wrong_address_size, "XSPI2: instruction 3h, address 0h: command 03h: 4 address bytes") {
  start();
  read(ON_ONE | ADDRESS4 | DATA, READ, 0, 0);
}

RULE(wrong_mode, "XSPI2: instruction 5h, address 0h: command 05h: not in octal DTR") {
  start();
  to_octal_dtr();
  read(ON_ONE | DATA, READ_STATUS, 0, 0);
}

RULE(octal_without_the_mode, "XSPI2: instruction EE11h, address 0h: command EEh: not in SPI mode") {
  start();
  read(OCTAL_DTR, 0xee11u, 0, 20u);
}

RULE(wrong_dummies_mapped, "XSPI2: instruction EE11h, address 0h: command EEh: 6 dummy cycles") {
  start();
  to_octal_dtr();
  map(OCTAL_DTR, 0xee11u, 6u);
  (void)REG(0x70000000u);
}

RULE(unknown_command,
     "XSPI2: instruction 77h, address 0h: command 77h: this part does not have it") {
  start();
  read(ON_ONE | DATA, 0x77u, 0, 0);
}

RULE(clock_too_fast,
     "XSPI2: instruction 3h, address 0h: a clock of 300000000 Hz where 66000000 are allowed") {
  start();
  put(XSPI_DCR2, 0);
  while ((get(XSPI_SR) & XSPI_SR_BUSY) != 0) continue;
  read(ON_ONE | ADDRESS3 | DATA, READ, 0, 0);
}

RULE(strobe_where_none_is, "XSPI2: DQSE in CCR for data with which the memory drives no strobe") {
  start();
  read(ON_ONE | DATA | STROBE, READ_ID, 0, 0);
}

RULE(flash_without_supply,
     "XSPI2: a command, but port 2 of XSPIM has no supply (EN_XSPIM2 in PWR_CSR2)") {
  start();
  PWR_CSR2 &= ~PWR_EN_XSPIM2;
  read(ON_ONE | DATA, READ_ID, 0, 0);
}

RULE(flash_without_pins, "XSPI2: a command, but pin 1 of GPION is not connected to it") {
  start_without_pins();
  put(XSPI_CR, XSPI_CR_EN);
  read(ON_ONE | DATA, READ_ID, 0, 0);
}

RULE(flash_asleep, "XSPI2: instruction 3h, address 0h: a command came before the chip was ready") {
  run_fast();
  PWR_CSR2 |= PWR_EN_XSPIM2;
  RCC_AHB5ENR |= 1u << 12 | 1u << 14 | 1u << 5;
  RCC_AHB4ENR |= 1u << 13;
  pins();
  put(XSPI_DCR1, 2u << 24 | 31u << 16 | 4u << 8);
  put(XSPI_DCR2, 5u);
  while ((get(XSPI_SR) & XSPI_SR_BUSY) != 0) continue;
  put(XSPI_CR, XSPI_CR_EN);
  read(ON_ONE | ADDRESS3 | DATA, READ, 0, 0);
}

RULE(controller_off, "XSPI2: a command while it is off (EN in CR)") {
  start();
  put(XSPI_CR, 0);
  put(XSPI_CCR, ON_ONE);
  put(XSPI_IR, WRITE_ENABLE);
}

RULE(controller_busy, "XSPI2: CCR written while it is busy") {
  start();
  mode(XSPI_CR_READ);
  put(XSPI_DLR, 255u);
  put(XSPI_CCR, ON_ONE | ADDRESS3 | DATA);
  put(XSPI_IR, READ);
  put(XSPI_AR, 0);
  put(XSPI_CCR, ON_ONE);
}

RULE(delay_lines_busy, "XSPI2: DLR written while it is busy") {
  start();
  put(XSPI_DCR2, 3u);
  put(XSPI_DLR, 1u);
}

RULE(mapped_and_changed, "XSPI2: CR written while it is busy") {
  start();
  map(ON_ONE | ADDRESS3 | DATA, READ, 0);
  (void)REG(0x70000000u);
  mode(0);
}

RULE(data_that_is_not_there, "XSPI2: a read of 4 bytes of DR, where 0 are left") {
  start();
  (void)get(XSPI_DR);
}

RULE(data_too_much, "XSPI2: more written to DR than the 2 bytes of DLR") {
  start();
  plain(WRITE_ENABLE);
  put(XSPI_DLR, 1u);
  put(XSPI_CCR, ON_ONE | ADDRESS3 | DATA);
  put(XSPI_IR, PROGRAM);
  put(XSPI_AR, 0);
  put(XSPI_DR, 0x01020304u);
}

RULE(data_outside_a_write, "XSPI2: a write of DR in no indirect write") {
  start();
  put(XSPI_DR, 1u);
}

RULE(polling_of_nothing, "XSPI2: automatic polling of other than 1 to 4 bytes") {
  start();
  mode(XSPI_CR_POLL);
  put(XSPI_DLR, 7u);
  put(XSPI_CCR, ON_ONE | DATA);
  put(XSPI_IR, READ_STATUS);
}

RULE(manager_changed, "XSPIM: CR changed while a controller is enabled") {
  start();
  XSPIM_CR = 2u;
}

RULE(window_written, "a write of 4 bytes at 0x70000000: this window takes no writes") {
  start();
  map(ON_ONE | ADDRESS3 | DATA, READ, 0);
  REG(0x70000000u) = 0;
}

RULE(window_closed, "a read of 4 bytes at 0x70000000: nothing is there") {
  start();
  (void)REG(0x70000000u);
}

RULE(controller_with_dma, "XSPI2: its DMA requests are not modelled") {
  start();
  put(XSPI_CR, XSPI_CR_EN | XSPI_CR_DMAEN);
}

// More pages than the emulator's own library can hold.
ALLOWED(window_read_far) {
  start();
  map(ON_ONE | ADDRESS3 | DATA, READ, 0);
  for (uint32_t i = 0; i < 5000u; ++i) EXPECT(REG(0x70000000u + i % 4096u * 4096u) == 0xffffffffu);
  EXPECT(REG(0x70000000u) == 0xffffffffu);
}

RULE(strobe_to_a_flash, "XSPI2: DQSE in CCR for data to a flash: both would drive the strobe") {
  start();
  to_octal_dtr();
  mode(0);
  put(XSPI_TCR, 0);
  put(XSPI_CCR, 4u | 8u | 1u << 4);
  put(XSPI_IR, 0x06f9u);
  finish();
  put(XSPI_DLR, 1u);
  put(XSPI_CCR, OCTAL_DTR);
  put(XSPI_IR, 0x12edu);
  put(XSPI_AR, 0);
  HALF(xspi + XSPI_DR) = 0x0102u;
}

static void compensate(uint32_t code) {
  RCC_APB4ENR |= 2u;
  SBS_CCCSR |= 1u << 4;
  while ((SBS_CCCSR & 1u << 10) == 0) continue;
  REG(0x58000518u) = (REG(0x58000518u) & ~0xff0000u) | code << 16;
  SBS_CCCSR |= 1u << 5;
}

RULE(pads_left_to_their_cell,
     "XSPI2: a command, but its pads follow their compensation cell (COMP_EN without CODESEL), and "
     "fail when they are warm (ES0596 2.2.15)") {
  start();
  compensate(0x6au);
  read(ON_ONE | DATA, READ_ID, 0, 0);
  SBS_CCCSR &= ~(1u << 5);
  read(ON_ONE | DATA, READ_ID, 0, 0);
}

RULE(pads_with_the_code_that_was_found,
     "XSPI2: a command, but the code of its pads in CCSWVALR is not what the cell finds, 2 more "
     "for N and 2 less for P (ES0596 2.2.15)") {
  start();
  compensate(0x88u);
  read(ON_ONE | DATA, READ_ID, 0, 0);
}
