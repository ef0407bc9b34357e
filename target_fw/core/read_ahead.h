/* Reading a range of a memory piece by piece, the next piece while the caller works on this one:
 * hashing and looking for blank cells take about as long as the bus. */
#ifndef GANGD_TARGET_FW_CORE_READ_AHEAD_H
#define GANGD_TARGET_FW_CORE_READ_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

#define READ_AHEAD_MAX 4096u /* bytes of a piece; memory.h allows no more */

struct read_ahead {
  const struct memory* memory;
  uint32_t address; /* of the next piece */
  uint32_t left;    /* bytes, with that piece */
  uint32_t piece;   /* a power of two; pieces end at its multiples from the memory's begin */
  bool reading;     /* the next piece is on its way, or there */
  uint8_t next;
  uint8_t bytes[2][READ_AHEAD_MAX];
};

/* Nothing is read yet. */
void read_ahead_begin(struct read_ahead* ahead, const struct memory* memory, uint32_t address,
                      uint32_t size, uint32_t piece);
/* How many bytes the next piece has. */
uint32_t read_ahead_size(const struct read_ahead* ahead);
/* The next piece, which stays until the call after this one; *status if NULL. */
const uint8_t* read_ahead_take(struct read_ahead* ahead, enum dfu_status* status);
/* From now on in pieces of this size. */
void read_ahead_cut(struct read_ahead* ahead, uint32_t piece);
/* The memory is wanted for something else: what is on its way is read again by the next take. */
void read_ahead_pause(struct read_ahead* ahead);

#ifdef __cplusplus
}
#endif

#endif
