#include "target_fw/core/blank.h"

#include <string.h>

/* Four bytes at a time: a compiler makes one load of each copy. */
bool is_blank(const uint8_t* bytes, uint32_t size) {
  uint32_t word;
  uint32_t at = 0;
  for (; size - at >= sizeof word; at += sizeof word) {
    memcpy(&word, bytes + at, sizeof word);
    if (word != UINT32_MAX) return false;
  }
  for (; at < size; ++at) {
    if (bytes[at] != 0xff) return false;
  }
  return true;
}
