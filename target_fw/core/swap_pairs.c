#include "target_fw/core/swap_pairs.h"

#include <string.h>

/* Four bytes at a time: a compiler makes one load or store of each memcpy, and REV16 between. */
void swap_pairs(uint8_t* to, const uint8_t* from, uint32_t size) {
  uint32_t word;
  uint32_t at = 0;
  for (; size - at >= sizeof word; at += sizeof word) {
    memcpy(&word, from + at, sizeof word);
    word = (word & 0x00ff00ff) << 8 | (word >> 8 & 0x00ff00ff);
    memcpy(to + at, &word, sizeof word);
  }
  for (; at + 1 < size; at += 2) {
    const uint8_t first = from[at];
    to[at] = from[at + 1];
    to[at + 1] = first;
  }
}
