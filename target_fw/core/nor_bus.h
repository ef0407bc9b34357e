/* The commands of a serial NOR flash in each of its modes. Internal to the driver. */
#ifndef GANGD_TARGET_FW_CORE_NOR_BUS_H
#define GANGD_TARGET_FW_CORE_NOR_BUS_H

#include "target_fw/core/nor.h"

enum {
  NOR_CMD_WRITE_STATUS = 0x01,
  NOR_CMD_PROGRAM = 0x02,
  NOR_CMD_WRITE_DISABLE = 0x04,
  NOR_CMD_READ_STATUS = 0x05,
  NOR_CMD_WRITE_ENABLE = 0x06,
  NOR_CMD_FAST_READ = 0x0b,
  NOR_CMD_FAST_READ_4B = 0x0c,
  NOR_CMD_PROGRAM_4B = 0x12,
  NOR_CMD_READ_CONFIGURATION = 0x15,
  NOR_CMD_WRITE_STATUS_2 = 0x31, /* JESD216: quad enable of kind 6 */
  NOR_CMD_PROGRAM_1_1_4_4B = 0x34,
  NOR_CMD_READ_STATUS_2 = 0x35,
  NOR_CMD_PROGRAM_1_4_4_4B = 0x3e,
  NOR_CMD_READ_SFDP = 0x5a,
  NOR_CMD_RESET_ENABLE = 0x66,
  NOR_CMD_READ_1_1_4_4B = 0x6c,
  NOR_CMD_READ_FLAG_STATUS = 0x70, /* JESD216: the other way to see busy */
  NOR_CMD_WRITE_CR2 = 0x72,        /* Macronix octal */
  NOR_CMD_RESET = 0x99,
  NOR_CMD_READ_ID = 0x9f,
  NOR_CMD_WAKE_UP = 0xab,
  NOR_CMD_ENTER_4B = 0xb7,
  NOR_CMD_CHIP_ERASE = 0xc7,
  NOR_CMD_READ_OCTAL_STR = 0xec,
  NOR_CMD_LEAVE_CONTINUOUS = 0xff, /* all ones: mode bits that end it; else no command */
};

enum {
  NOR_STATUS_BUSY = 0x01,
  NOR_STATUS_WRITE_ENABLED = 0x02,
  NOR_FLAG_STATUS_READY = 0x80,
  NOR_STATUS_NO_ANSWER = 0xff, /* lines that nobody drives */
};

/* All return false if the controller failed. They use nor->mode and nor->access. */

/* An instruction alone. */
bool nor_send(struct nor* nor, uint8_t opcode);
/* At most NOR_REGISTER_MAX bytes. What a second chip says is then in nor->twin. */
bool nor_read_register(struct nor* nor, uint8_t opcode, uint8_t* bytes, uint32_t size);
/* One byte of one or two chips: the bits in `of_both` are set if both have them, the others if one
 * has. False, too, if a chip does not answer. */
bool nor_read_status(struct nor* nor, uint8_t opcode, uint8_t of_both, uint8_t* status);
/* The same of busy, which a part shows in its status register or in its flag status register. Where
 * the latter says how an operation ended, too, nor->flags then has it. */
bool nor_read_busy(struct nor* nor, bool* busy);
/* Status registers with their write enable; SPI mode only. */
bool nor_write_status(struct nor* nor, uint8_t opcode, const uint8_t* bytes, uint32_t size);
/* A volatile register of a Macronix octal part, with its write enable. */
bool nor_write_cr2(struct nor* nor, uint32_t address, uint8_t value);
/* SPI mode only. */
bool nor_read_sfdp(struct nor* nor, uint8_t* bytes, uint32_t size);
bool nor_read_array(struct nor* nor, uint32_t at, uint8_t* bytes, uint32_t size);
/* The same in two halves; whatever else goes over the bus in between waits for the first. */
void nor_begin_read_array(struct nor* nor, uint32_t at, uint8_t* bytes, uint32_t size);
bool nor_end_read_array(struct nor* nor);
/* Through the memory map of the bus. */
bool nor_read_mapped(struct nor* nor, uint32_t at, uint8_t* bytes, uint32_t size);
/* Brings what is to be programmed, within one page, into the order of the bus. The bytes must stay
 * as they are until nor_program() has sent them. */
void nor_pack(const struct nor* nor, struct nor_page* page, uint32_t at, const uint8_t* bytes,
              uint32_t size);
bool nor_program(struct nor* nor, const struct nor_page* page);
bool nor_erase_at(struct nor* nor, uint32_t at);

/* How many lanes each chip has. */
uint8_t nor_lanes(const struct nor* nor);

/* nor_start.c: finds the chip, the same as the first time, and enters the best mode allowed. Blocks
 * as nor_start() says. */
enum dfu_status nor_connect(struct nor* nor);

#endif
