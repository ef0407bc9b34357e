/* A PSRAM of the kind APS256XX on 16 lanes, for the application that comes next. Figures: the
 * maker's names of commands and mode registers, as ST's headers have them. */
#include <stddef.h>

#include "target_fw/mcu/armv7m/armv7m.h"
#include "target_fw/mcu/stm32h7rs/clocks.h"
#include "target_fw/mcu/stm32h7rs/registers.h"
#include "target_fw/mcu/stm32h7rs/xspi.h"

enum {
  CMD_READ = 0x20,  /* linear bursts */
  CMD_WRITE = 0xa0, /* linear bursts */
  CMD_READ_REGISTER = 0x40,
  CMD_WRITE_REGISTER = 0xc0,
  CMD_RESET = 0xff,
};
/* MR0: a read latency of 7 clocks, or twice that; half the drive strength. MR4: a write latency of
 * 7 clocks, refreshed as often as is always enough. MR8: 16 lanes, and rows may be crossed: no
 * burst needs to end at a boundary (CSBOUND in DCR3), where 16 lanes on both edges may come to a
 * deadlock (ES0596 2.4.5). */
#define MR0_VALUE 0x11u
#define MR4_VALUE 0x20u
#define MR8_VALUE 0x48u
#define READ_LATENCY 7u
#define WRITE_LATENCY 7u
#define DEFAULT_READ_LATENCY 5u
#define RESET_US 200u /* tRST is 2 us; after power-on 150 us */
/* At 50 MHz no delay needs to be tuned. */
#define CLOCK_HZ 50000000u
/* Chip select may be low for 4 us at 85 C, 1 us above; rows are refreshed in between. */
#define REFRESH_CLOCKS 46u
#define VENDOR 0x0du

static struct xspi_command command_of(uint8_t opcode, uint32_t address, uint8_t lanes) {
  return (struct xspi_command){
      .instruction_phase = {XSPI_8, false},
      .address_phase = {XSPI_8, true},
      .data_phase = {lanes, lanes != XSPI_NONE},
      .instruction = opcode,
      .instruction_size = 1,
      .address_size = 4,
      .address = address,
  };
}

static bool run(struct xspi* bus, const struct xspi_command* command) {
  return bus->port.run(bus->port.self, command);
}

static bool write_register(struct xspi* bus, uint32_t number, uint8_t value) {
  const uint8_t pair[2] = {value, value};
  struct xspi_command command = command_of(CMD_WRITE_REGISTER, number, XSPI_8);
  command.write = pair;
  command.size = sizeof pair;
  return run(bus, &command);
}

static bool read_register(struct xspi* bus, uint32_t number, uint8_t latency, uint8_t* value) {
  uint8_t pair[2] = {0, 0};
  struct xspi_command command = command_of(CMD_READ_REGISTER, number, XSPI_8);
  command.dummy_cycles = (uint8_t)(latency - 1);
  command.read = pair;
  command.size = sizeof pair;
  if (!run(bus, &command)) return false;
  *value = pair[0];
  return true;
}

static void wait_us(uint32_t us) {
  const uint32_t began_us = arm_clock.now_us(NULL);
  while (arm_clock.now_us(NULL) - began_us < us) {
  }
}

bool psram_start(struct xspi* bus, const struct board* board) {
  uint8_t vendor = 0;
  /* ES0596 2.4.1: without DQS what is written to the window goes wrong. */
  if (!board->psram.data_strobe || !xspi_start(bus, &board->psram)) return false;
  xspi_set_memory(bus, XSPI_AP_MEMORY_16, xspi_bits_of(board->psram_size));
  bus->port.set_clock(bus->port.self, CLOCK_HZ);
  reg_write(bus->base + XSPI_DCR4, REFRESH_CLOCKS);
  wait_us(RESET_US);
  const struct xspi_command reset = command_of(CMD_RESET, 0, XSPI_NONE);
  if (!run(bus, &reset)) return false;
  wait_us(RESET_US);
  if (!read_register(bus, 1, DEFAULT_READ_LATENCY, &vendor) || (vendor & 0x1f) != VENDOR ||
      !write_register(bus, 0, MR0_VALUE) || !write_register(bus, 4, MR4_VALUE) ||
      !write_register(bus, 8, MR8_VALUE)) {
    return false;
  }
  struct xspi_command read = command_of(CMD_READ, 0, board->psram.lanes);
  struct xspi_command write = command_of(CMD_WRITE, 0, board->psram.lanes);
  read.dummy_cycles = READ_LATENCY - 1;
  write.dummy_cycles = WRITE_LATENCY - 1;
  return xspi_map(bus, &read, &write);
}
