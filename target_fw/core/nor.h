/* Serial NOR flash as a memory: finds out what is connected and programs it.
 *
 * All state is in struct nor. nor_start() blocks for at most 0.5 s; after it, nothing does, except
 * that the first operation after a chip was lost (a time-out, no answer), or on one that is
 * write-protected, finds it again. */
#ifndef GANGD_TARGET_FW_CORE_NOR_H
#define GANGD_TARGET_FW_CORE_NOR_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/flash_trace.h"
#include "target_fw/core/memory.h"
#include "target_fw/core/nor_parts.h"
#include "target_fw/core/sfdp.h"
#include "target_fw/core/status.h"
#include "target_fw/port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In rising order: nor_config.mode_max allows those up to it. */
enum nor_mode {
  NOR_SPI,
  NOR_QUAD,
  NOR_OCTAL_STR,
  NOR_OCTAL_DTR,
};

/* A board's choice. The ports outlive the nor. While a command runs on the bus, the clock goes on:
 * nor_start() waits by asking the chip, until the clock says that it has waited long enough. */
struct nor_config {
  const struct clock_port* clock;
  const struct xspi_port* bus;
  const char* name;       /* of the memory, for the layout string */
  uint32_t address;       /* of the first byte, as the host sees it */
  enum nor_mode mode_max; /* lanes_max of the bus limits it, too */
  uint32_t boot_hz;       /* the clock of a program that runs in place; 0: none does */
};

enum nor_operation { NOR_NO_OPERATION, NOR_ERASE, NOR_ERASE_ALL, NOR_WRITE };

/* How the array is reached in the present mode. */
struct nor_access {
  uint8_t address_size;
  uint8_t read_opcode;
  uint8_t read_dummies;
  uint8_t program_opcode;
  uint8_t program_address_lanes;
  uint8_t data_lanes_read;
  uint8_t data_lanes_write;
  bool erase_4byte; /* by the opcodes that take four address bytes */
};

/* A page, or less, as it goes over the bus. */
struct nor_page {
  uint32_t at;
  const uint8_t* bytes;
  uint32_t size;
  uint8_t packed[SFDP_SIZE_MAX]; /* where `bytes` cannot be those of the writer */
};

/* Bytes of the longest register. */
#define NOR_REGISTER_MAX 4

/* To look at only; everything is set by nor_start(). */
struct nor {
  struct nor_config config;
  struct memory memory;    /* valid when nor_start() said DFU_OK */
  struct memory as_booted; /* what memory.as_booted points to, if the bus has a map */

  uint8_t id[NOR_ID_SIZE]; /* JEDEC; zeros if nothing answered */
  enum nor_family family;
  const struct nor_traits* traits; /* of the family */
  bool from_sfdp;                  /* the part is what it says of itself, not our table */
  struct sfdp_part part;           /* sizes are those of a pair of chips, where there is one */
  const struct sfdp_erase_type* erase_type; /* of the erase that runs */
  enum nor_mode mode;
  struct nor_access access;

  uint8_t twin[NOR_REGISTER_MAX]; /* what the second chip said when a register was read last; with
                                     one chip, what that said */
  uint8_t flags;                  /* how an operation ended, if the look at busy has read it */
  bool flags_read;
  bool lost;            /* must be found again before the next operation */
  bool lift_protection; /* bits of the status register refuse the operation: the chip is to lose
                           them when it is found again */
  enum nor_operation operation;
  enum memory_state state;
  enum dfu_status status;
  uint32_t looked_us;  /* the clock at the last look */
  uint64_t elapsed_us; /* since the step began; the clock itself wraps */
  /* What a step takes on average: an erase of each type, of all, or one page. */
  uint32_t erase_us[SFDP_ERASE_TYPES_MAX];
  uint32_t erase_all_us;
  uint32_t page_us;
  uint32_t write_at; /* in the chip */
  const uint8_t* write_bytes;
  uint32_t write_left;
  uint32_t step_size; /* bytes of the page that runs */
  /* The page that goes to the chip, and the one behind it, which is packed while the chip works.
   * nor_start() reads SFDP into the first. */
  struct nor_page pages[2];
  uint8_t page;
  bool next_packed;
  enum dfu_status read_status; /* of the read that was begun last */
  uint8_t* reading;            /* where the bus brings it, or NULL */
  uint32_t reading_size;
  bool reading_swaps;
  bool reading_went_well;
  struct flash_trace trace;
};

/* Finds the chip, whatever it was left in (octal mode, deep power down, an erase under way), and
 * sets up nor->memory. DFU_ERR_VENDOR: nothing answers, or nothing that we know; may be repeated.
 */
enum dfu_status nor_start(struct nor* nor, const struct nor_config* config);

/* How a program that runs in place is to see the chip, as it was found. */
struct xspi_map nor_map(const struct nor* nor);

/* Leaves the chip as power-on does, for the program that comes next. */
void nor_release(struct nor* nor);

#ifdef __cplusplus
}
#endif

#endif
