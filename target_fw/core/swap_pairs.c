#include "target_fw/core/swap_pairs.h"

#include <string.h>

/* Reversed, then rotated: of that a compiler makes two instructions of a Cortex-M, but GCC does not
 * see REV16 where the pairs are exchanged at once. */
static uint32_t swapped(uint32_t word) {
  uint32_t reversed = word >> 24 | (word >> 8 & 0xff00) | (word << 8 & 0xff0000) | word << 24;
  return reversed >> 16 | reversed << 16;
}

/* Four bytes at a time: a compiler makes one load or store of each memcpy. */
void swap_pairs(uint8_t* to, const uint8_t* from, uint32_t size) {
  uint32_t word;
  uint32_t at = 0;
  for (; size - at >= sizeof word; at += sizeof word) {
    memcpy(&word, from + at, sizeof word);
    word = swapped(word);
    memcpy(to + at, &word, sizeof word);
  }
  for (; at + 1 < size; at += 2) {
    const uint8_t first = from[at];
    to[at] = from[at + 1];
    to[at + 1] = first;
  }
}
