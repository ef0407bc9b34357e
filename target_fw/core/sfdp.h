/* What a serial flash says of itself: Serial Flash Discoverable Parameters, JESD216 and its
 * revisions A to F. Any bytes may be given; what does not lie inside them is taken as not there. */
#ifndef GANGD_TARGET_FW_CORE_SFDP_H
#define GANGD_TARGET_FW_CORE_SFDP_H

#include <stdbool.h>
#include <stdint.h>

/* As many bytes as the driver reads: the tables of the parts known to us end below 320. */
#define SFDP_SIZE_MAX 512
#define SFDP_ERASE_TYPES_MAX 4

struct sfdp_erase_type {
  uint32_t size; /* bytes, a power of two */
  uint8_t opcode;
  uint8_t opcode_4byte; /* of table FF84; 0: none */
  uint32_t typical_ms;
  uint32_t max_ms;
};

/* A read on more than one lane. */
struct sfdp_read {
  uint8_t opcode;  /* 0: there is none */
  uint8_t dummies; /* clocks, those of mode bits included */
};

enum sfdp_address { SFDP_ADDRESS_3, SFDP_ADDRESS_3_OR_4, SFDP_ADDRESS_4 };

/* Where the quad-enable bit is; the values are those of dword 15, bits 22:20. */
enum sfdp_quad_enable {
  SFDP_QUAD_NO_BIT = 0,
  SFDP_QUAD_SR2_BIT1_NO_READ = 1,
  SFDP_QUAD_SR1_BIT6 = 2,
  SFDP_QUAD_SR2_BIT7 = 3,
  SFDP_QUAD_SR2_BIT1_KEEPS = 4,
  SFDP_QUAD_SR2_BIT1 = 5,
  SFDP_QUAD_SR2_BIT1_31H = 6,
  SFDP_QUAD_UNKNOWN = 7,
};

/* What one tells from the other busy. */
enum sfdp_busy { SFDP_BUSY_STATUS_BIT0 = 1, SFDP_BUSY_FLAG_STATUS_BIT7 = 2 };

/* The octal modes, of dwords 18 and on and of tables FF05, FF0A and FF87. */
struct sfdp_octal {
  bool present;
  bool inverse_extension; /* the second byte of an instruction is the complement of the first */
  bool swapped;           /* in 8D-8D-8D the bytes of each 16-bit word change places */
  uint8_t read_dtr_opcode;
  uint8_t read_dtr_dummies; /* enough for 200 MHz */
  uint8_t status_address_size;
  uint8_t status_dummies;
  /* A register write that enters 8D-8D-8D: instruction, 4-byte address, value. 0: not known. */
  uint8_t enable_opcode;
  uint32_t enable_address;
  uint8_t enable_value;
  uint32_t volatile_registers; /* where they begin; of table FF87 */
};

struct sfdp_part {
  uint32_t size; /* bytes */
  uint32_t page_size;
  enum sfdp_address address;
  bool
      has_times; /* dwords 10 and 11 were there; otherwise the times are guesses on the safe side */
  uint32_t page_typical_us;
  uint32_t page_max_us;
  uint32_t chip_erase_typical_ms;
  uint32_t chip_erase_max_ms;
  uint8_t erase_types_count; /* 1 or more, by size */
  struct sfdp_erase_type erase_types[SFDP_ERASE_TYPES_MAX];
  struct sfdp_read read_1_1_4;
  struct sfdp_read read_1_4_4;
  enum sfdp_quad_enable quad_enable;
  uint8_t busy;           /* of enum sfdp_busy */
  bool soft_reset;        /* by 66h and 99h */
  uint32_t wake_up_us;    /* out of deep power down; 0: not stated */
  bool has_4byte_opcodes; /* table FF84 with fast read 0Ch and page program 12h */
  /* The same table, on four lanes: fast read 6Ch, page program 34h (1-1-4) and 3Eh (1-4-4). */
  bool has_read_1_1_4_4byte;
  bool has_program_1_1_4_4byte;
  bool has_program_1_4_4_4byte;
  bool enter_4byte;      /* by B7h */
  bool enter_4byte_wren; /* by B7h behind 06h */
  struct sfdp_octal octal;
};

/* False if there is no basic table, or no size or erase type in it that could be true. */
bool sfdp_parse(const uint8_t* bytes, uint32_t size, struct sfdp_part* part);

#endif
