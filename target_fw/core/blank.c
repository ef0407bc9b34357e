#include "target_fw/core/blank.h"

#include "target_fw/core/bytes.h"

/* Words, as long as there are some: a compiler makes one load of each. */
bool is_blank(const uint8_t* bytes, uint32_t size) {
  for (; size >= 16; size -= 16, bytes += 16) {
    uint32_t all = load_le32(bytes) & load_le32(bytes + 4);
    if ((all & load_le32(bytes + 8) & load_le32(bytes + 12)) != UINT32_MAX) return false;
  }
  for (; size > 0; --size, ++bytes) {
    if (*bytes != 0xff) return false;
  }
  return true;
}
