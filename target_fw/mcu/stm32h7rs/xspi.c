#include "target_fw/mcu/stm32h7rs/xspi.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/mcu/armv7m/armv7m.h"
#include "target_fw/mcu/stm32h7rs/clocks.h"
#include "target_fw/mcu/stm32h7rs/pins.h"
#include "target_fw/mcu/stm32h7rs/registers.h"

#define LOOKS 1000000u
#define START_HZ 20000000u
/* The bus moves even 4096 bytes on one lane at 20 MHz in 2 ms. */
#define COMMAND_LIMIT_US 20000u
/* Bytes that are in the FIFO, or have room there, before one is told so: a word. */
#define FIFO_THRESHOLD 4u

/* The window is open while the memory is mapped, as far as that goes: behind it nothing answers. */
#define WINDOW_REGION 2
#define WINDOW_BITS 28

static uint32_t at(const struct xspi* bus, uint32_t offset) {
  return bus->base + offset;
}

static bool wait_idle(const struct xspi* bus) {
  const uint32_t began_us = arm_clock.now_us(NULL);
  while ((reg_read(at(bus, XSPI_SR)) & XSPI_SR_BUSY) != 0) {
    if (arm_clock.now_us(NULL) - began_us > COMMAND_LIMIT_US) return false;
  }
  return true;
}

/* --- a command in the controller's terms */

static uint32_t mode_of(const struct xspi_phase* phase) {
  switch (phase->lanes) {
    case XSPI_1:
      return 1;
    case XSPI_2:
      return 2;
    case XSPI_4:
      return 3;
    case XSPI_8:
      return 4;
    case 16:
      return 5;
    default:
      return 0;
  }
}

/* `strobed`: DQS goes with data that are sent on both edges. From the memory it does so when it is
 * read; to the memory it is a mask, which only a PSRAM has. */
static uint32_t configuration(const struct xspi* bus, const struct xspi_command* command,
                              bool has_data, bool strobed) {
  uint32_t bits = mode_of(&command->instruction_phase) << XSPI_CCR_IMODE_AT |
                  (uint32_t)(command->instruction_size - 1) << XSPI_CCR_ISIZE_AT;
  if (command->instruction_phase.ddr) bits |= XSPI_CCR_IDTR;
  if (command->address_phase.lanes != XSPI_NONE) {
    bits |= mode_of(&command->address_phase) << XSPI_CCR_ADMODE_AT |
            (uint32_t)(command->address_size - 1) << XSPI_CCR_ADSIZE_AT;
    if (command->address_phase.ddr) bits |= XSPI_CCR_ADDTR;
  }
  if (!has_data) return bits;
  bits |= mode_of(&command->data_phase) << XSPI_CCR_DMODE_AT;
  if (command->data_phase.ddr) {
    bits |= XSPI_CCR_DDTR;
    if (strobed && bus->wiring->data_strobe) bits |= XSPI_CCR_DQSE;
  }
  return bits;
}

/* What is sent on both edges changes a quarter of a cycle later. */
static uint32_t timing(const struct xspi_command* command) {
  return command->dummy_cycles | (command->instruction_phase.ddr ? XSPI_TCR_DHQC : 0);
}

/* --- data */

static void read_fifo(const struct xspi* bus, uint8_t* bytes, uint32_t size) {
  while (size >= 4) {
    const uint32_t word = reg_read(at(bus, XSPI_DR));
    memcpy(bytes, &word, 4);
    bytes += 4;
    size -= 4;
  }
  while (size-- > 0) *bytes++ = reg_read8(at(bus, XSPI_DR));
}

static void write_fifo(const struct xspi* bus, const uint8_t* bytes, uint32_t size) {
  while (size >= 4) {
    uint32_t word;
    memcpy(&word, bytes, 4);
    reg_write(at(bus, XSPI_DR), word);
    bytes += 4;
    size -= 4;
  }
  while (size-- > 0) reg_write8(at(bus, XSPI_DR), *bytes++);
}

/* As much as the FIFO has, or has room for, whole words but at the end. */
static bool move(const struct xspi* bus, const struct xspi_command* command) {
  const uint32_t began_us = arm_clock.now_us(NULL);
  const uint32_t fifo_size = 64;
  uint32_t done = 0;
  while (done < command->size) {
    const uint32_t status = reg_read(at(bus, XSPI_SR));
    const uint32_t level = status >> XSPI_SR_FLEVEL_AT & XSPI_SR_FLEVEL;
    const uint32_t left = command->size - done;
    uint32_t ready = command->read != NULL ? level : fifo_size - level;
    if (ready < left) ready &= ~3u;
    if (ready > left) ready = left;
    if (ready == 0) {
      const bool failed = (status & XSPI_SR_TEF) != 0;
      if (failed || arm_clock.now_us(NULL) - began_us > COMMAND_LIMIT_US) return false;
    } else if (command->read != NULL) {
      read_fifo(bus, command->read + done, ready);
    } else {
      write_fifo(bus, command->write + done, ready);
    }
    done += ready;
  }
  return true;
}

/* --- struct xspi_port */

static void begin(struct xspi* bus, const struct xspi_command* command) {
  const bool has_data = command->data_phase.lanes != XSPI_NONE && command->size > 0;
  const bool reads = has_data && command->read != NULL;
  reg_write(at(bus, XSPI_FCR), XSPI_FCR_ALL);
  reg_change(at(bus, XSPI_CR), XSPI_CR_FMODE, reads ? XSPI_CR_FMODE_READ : XSPI_CR_FMODE_WRITE);
  if (has_data) reg_write(at(bus, XSPI_DLR), command->size - 1);
  reg_write(at(bus, XSPI_TCR), timing(command));
  reg_write(at(bus, XSPI_CCR), configuration(bus, command, has_data, reads));
  /* The last of what the command needs starts it: instruction, address, or the first data. */
  reg_write(at(bus, XSPI_IR), command->instruction);
  if (command->address_phase.lanes != XSPI_NONE) reg_write(at(bus, XSPI_AR), command->address);
}

static void set_clock(const struct xspi* bus, uint32_t hz_max) {
  const uint32_t divider = (CLOCKS_XSPI_HZ + hz_max - 1) / hz_max;
  wait_idle(bus);
  reg_change(at(bus, XSPI_DCR2), 0xff, (divider > 256 ? 256 : divider) - 1);
  wait_idle(bus); /* the delay lines are set anew */
}

/* From a reset on, for commands. */
static bool configure(struct xspi* bus) {
  reg_write(at(bus, XSPI_CR), (FIFO_THRESHOLD - 1) << XSPI_CR_FTHRES_AT);
  xspi_set_memory(bus, XSPI_STANDARD, 32);
  set_clock(bus, bus->hz_max);
  reg_set(at(bus, XSPI_CR), XSPI_CR_EN);
  return wait_idle(bus);
}

/* What an abort does not end, a reset does. */
static bool give_up(struct xspi* bus) {
  reg_set(at(bus, XSPI_CR), XSPI_CR_ABORT);
  if (!wait_idle(bus)) {
    xspi_stop(bus);
    configure(bus);
  }
  reg_write(at(bus, XSPI_FCR), XSPI_FCR_ALL);
  return false;
}

/* Mapped, the controller reads ahead until it is told to end. */
static void leave_map(struct xspi* bus) {
  if (!bus->mapped) return;
  bus->mapped = false;
  arm_mpu_region(WINDOW_REGION, bus->window, WINDOW_BITS, ARM_RASR_NO_ACCESS);
  arm_data_barrier();
  give_up(bus);
  xspi_set_memory(bus, XSPI_STANDARD, 32);
  set_clock(bus, bus->hz_max);
}

static bool port_run(void* self, const struct xspi_command* command) {
  struct xspi* bus = self;
  leave_map(bus);
  if (!wait_idle(bus)) return give_up(bus);
  begin(bus, command);
  if (command->data_phase.lanes != XSPI_NONE && !move(bus, command)) return give_up(bus);
  const uint32_t began_us = arm_clock.now_us(NULL);
  while ((reg_read(at(bus, XSPI_SR)) & (XSPI_SR_TCF | XSPI_SR_TEF)) == 0) {
    if (arm_clock.now_us(NULL) - began_us > COMMAND_LIMIT_US) return give_up(bus);
  }
  if ((reg_read(at(bus, XSPI_SR)) & XSPI_SR_TEF) != 0 || !wait_idle(bus)) return give_up(bus);
  reg_write(at(bus, XSPI_FCR), XSPI_FCR_ALL);
  return true;
}

static void port_set_clock(void* self, uint32_t hz_max) {
  struct xspi* bus = self;
  leave_map(bus);
  bus->hz_max = hz_max;
  set_clock(bus, hz_max);
}

static bool port_read_mapped(void* self, const struct xspi_map* map, uint32_t address,
                             uint8_t* bytes, uint32_t size) {
  struct xspi* bus = self;
  if (!bus->mapped) {
    if (!xspi_map_nor(bus, map)) return false;
    arm_mpu_region(WINDOW_REGION, bus->window, xspi_bits_of(map->size),
                   ARM_RASR_UNCACHED | ARM_RASR_NEVER_RUN);
    arm_data_barrier();
    bus->mapped = true;
  }
  memcpy(bytes, (const uint8_t*)(uintptr_t)(bus->window + address), size);
  return true;
}

/* --- the start */

static void switch_controller(struct xspi* bus) {
  const bool first = bus->base == XSPI1_BASE;
  const uint32_t bit = first ? RCC_AHB5_XSPI1 : RCC_AHB5_XSPI2;
  if (first) {
    reg_change(RCC_CCIPR1, RCC_CCIPR1_XSPI1SEL, RCC_CCIPR1_XSPI1SEL_PLL2S);
  } else {
    reg_change(RCC_CCIPR1, RCC_CCIPR1_XSPI2SEL, RCC_CCIPR1_XSPI2SEL_PLL2S);
  }
  reg_set(RCC_AHB5ENR, bit | RCC_AHB5_XSPIM);
  xspi_stop(bus);
}

/* ES0596 2.2.15: with the code that the cell finds, signals fail when it is warm. What it found is
 * to be corrected, 2 more for the NMOS half and 2 less for the other, and to be kept. */
static uint32_t mended_code(uint32_t found) {
  const uint32_t n = found & 15;
  const uint32_t p = found >> 4 & 15;
  return (n < 13 ? n + 2 : 15) | (p > 2 ? p - 2 : 0) << 4;
}

/* The pads of the port: supply, slopes, and speed where the rail is said to be of 1.8 V. */
static bool switch_port(const struct board_xspi* wiring) {
  const bool first = wiring->port == 1;
  reg_set(RCC_APB4ENR, RCC_APB4_SBS);
  (void)reg_read(RCC_APB4ENR);
  reg_set(PWR_CSR2, first ? PWR_CSR2_EN_XSPIM1 : PWR_CSR2_EN_XSPIM2);
  reg_set(RCC_CR, RCC_CR_CSION); /* what compensates the slopes runs from it */
  if (!reg_wait(RCC_CR, RCC_CR_CSIRDY, RCC_CR_CSIRDY, LOOKS)) return false;
  const uint32_t ready = first ? SBS_CCCSR_XSPI1_COMP_RDY : SBS_CCCSR_XSPI2_COMP_RDY;
  const uint32_t codesel = first ? SBS_CCCSR_XSPI1_CODESEL : SBS_CCCSR_XSPI2_CODESEL;
  reg_change(SBS_CCCSR, codesel, first ? SBS_CCCSR_XSPI1_COMP_EN : SBS_CCCSR_XSPI2_COMP_EN);
  if (wiring->rail_1v8) {
    reg_set(SBS_CCCSR, first ? SBS_CCCSR_XSPI1_IOHSLV : SBS_CCCSR_XSPI2_IOHSLV);
  }
  if (!reg_wait(SBS_CCCSR, ready, ready, LOOKS)) return false;
  const uint32_t shift = first ? SBS_CODE_XSPI1_AT : SBS_CODE_XSPI2_AT;
  const uint32_t code = mended_code(reg_read(SBS_CCVALR) >> shift);
  reg_change(SBS_CCSWVALR, SBS_CODE << shift, code << shift);
  reg_set(SBS_CCCSR, codesel);
  return true;
}

bool xspi_start(struct xspi* bus, const struct board_xspi* wiring) {
  memset(bus, 0, sizeof *bus);
  bus->wiring = wiring;
  bus->hz_max = START_HZ;
  bus->base = wiring->controller == 1 ? XSPI1_BASE : XSPI2_BASE;
  bus->window = wiring->controller == 1 ? XSPI1_WINDOW : XSPI2_WINDOW;
  bus->port = (struct xspi_port){
      .self = bus,
      .run = port_run,
      .read_mapped = port_read_mapped,
      .set_clock = port_set_clock,
      .lanes_max = wiring->lanes,
  };
  switch_controller(bus);
  if (!switch_port(wiring)) return false;
  /* Both controllers of a board are on their own ports, or both on the other's. */
  reg_change(XSPIM_CR, XSPIM_CR_MUXEN | XSPIM_CR_SWAPPED,
             wiring->controller == wiring->port ? 0 : XSPIM_CR_SWAPPED);
  for (uint32_t i = 0; i < BOARD_PINS_MAX; ++i) pins_connect(&wiring->pins[i]);
  return configure(bus);
}

void xspi_stop(struct xspi* bus) {
  const uint32_t bit = bus->base == XSPI1_BASE ? RCC_AHB5_XSPI1 : RCC_AHB5_XSPI2;
  reg_set(RCC_AHB5RSTR, bit);
  reg_clear(RCC_AHB5RSTR, bit);
}

void xspi_set_memory(struct xspi* bus, enum xspi_memory kind, uint32_t address_bits) {
  wait_idle(bus);
  /* Between commands a memory wants to be left alone for 20 to 50 ns; at 200 MHz 5 cycles are 25.
   */
  reg_write(at(bus, XSPI_DCR1), (uint32_t)kind << XSPI_DCR1_MTYP_AT |
                                    (address_bits - 1) << XSPI_DCR1_DEVSIZE_AT |
                                    4u << XSPI_DCR1_CSHT_AT);
}

/* --- memory-mapped */

bool xspi_map(struct xspi* bus, const struct xspi_command* read, const struct xspi_command* write) {
  if (!wait_idle(bus)) return false;
  reg_write(at(bus, XSPI_FCR), XSPI_FCR_ALL);
  reg_write(at(bus, XSPI_TCR), timing(read));
  reg_write(at(bus, XSPI_CCR), configuration(bus, read, true, true));
  reg_write(at(bus, XSPI_IR), read->instruction);
  if (write != NULL) {
    reg_write(at(bus, XSPI_WTCR), write->dummy_cycles);
    reg_write(at(bus, XSPI_WCCR), configuration(bus, write, true, true));
    reg_write(at(bus, XSPI_WIR), write->instruction);
  }
  reg_change(at(bus, XSPI_CR), XSPI_CR_FMODE, XSPI_CR_FMODE_MAPPED);
  arm_data_barrier();
  return true;
}

uint32_t xspi_bits_of(uint32_t size) {
  uint32_t bits = 0;
  while (bits < 31 && 1u << bits < size) ++bits;
  return bits;
}

bool xspi_map_nor(struct xspi* bus, const struct xspi_map* map) {
  leave_map(bus);
  xspi_set_memory(bus, map->swapped ? XSPI_MACRONIX : XSPI_STANDARD, xspi_bits_of(map->size));
  set_clock(bus, map->hz_max);
  return xspi_map(bus, &map->read, NULL);
}
