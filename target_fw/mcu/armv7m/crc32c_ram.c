/* CRC-32C with a table in RAM, of which a loader has plenty, while its program must be small: the
 * place of core/crc32c.c. Four bytes at a time, which a Cortex-M7 does in a quarter less time than
 * two (tests/bench/cycles). */
#include <stdbool.h>

#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* 0x1EDC6F41, reflected */

static uint32_t table[4][256];
static bool is_made;

static void make_table(void) {
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (uint32_t bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
    table[0][byte] = crc;
  }
  for (uint32_t byte = 0; byte < 256; ++byte) {
    for (uint32_t n = 1; n < 4; ++n) {
      const uint32_t before = table[n - 1][byte];
      table[n][byte] = before >> 8 ^ table[0][before & 0xff];
    }
  }
  is_made = true;
}

uint32_t crc32c_update(uint32_t crc, const uint8_t* bytes, uint32_t size) {
  if (!is_made) make_table();
  crc = ~crc;
  for (; size >= 4; size -= 4, bytes += 4) {
    crc ^= load_le32(bytes);
    crc = table[3][crc & 0xff] ^ table[2][crc >> 8 & 0xff] ^ table[1][crc >> 16 & 0xff] ^
          table[0][crc >> 24];
  }
  while (size-- > 0) crc = crc >> 8 ^ table[0][(crc ^ *bytes++) & 0xff];
  return ~crc;
}
