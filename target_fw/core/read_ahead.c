#include "target_fw/core/read_ahead.h"

#include <stddef.h>

void read_ahead_begin(struct read_ahead* ahead, const struct memory* memory, uint32_t address,
                      uint32_t size, uint32_t piece) {
  ahead->memory = memory;
  ahead->address = address;
  ahead->left = size;
  ahead->piece = piece < READ_AHEAD_MAX ? piece : READ_AHEAD_MAX;
  ahead->reading = false;
  ahead->next = 0;
}

uint32_t read_ahead_size(const struct read_ahead* ahead) {
  uint32_t room = ahead->piece - (ahead->address - ahead->memory->geometry.address) % ahead->piece;
  return ahead->left < room ? ahead->left : room;
}

static void begin_next(struct read_ahead* ahead) {
  if (ahead->left == 0) return;
  const struct memory* memory = ahead->memory;
  memory->begin_read(memory->self, ahead->address, ahead->bytes[ahead->next],
                     read_ahead_size(ahead));
  ahead->reading = true;
}

const uint8_t* read_ahead_take(struct read_ahead* ahead, enum dfu_status* status) {
  const struct memory* memory = ahead->memory;
  const uint8_t* bytes = ahead->bytes[ahead->next];
  uint32_t size = read_ahead_size(ahead);
  if (!ahead->reading) begin_next(ahead);
  ahead->reading = false;
  *status = memory->end_read(memory->self);
  if (*status != DFU_OK) return NULL;
  ahead->address += size;
  ahead->left -= size;
  ahead->next ^= 1;
  begin_next(ahead);
  return bytes;
}

void read_ahead_pause(struct read_ahead* ahead) {
  if (!ahead->reading) return;
  ahead->reading = false;
  (void)ahead->memory->end_read(ahead->memory->self); /* it will be read again */
}

void read_ahead_cut(struct read_ahead* ahead, uint32_t piece) {
  if (piece == ahead->piece) return;
  read_ahead_pause(ahead); /* it was begun with the old size */
  ahead->piece = piece;
}
