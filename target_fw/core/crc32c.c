#include "target_fw/core/crc32c.h"

/* Four bits at a time: 64 bytes of table instead of 1024, at half the speed; a frame of 4 KiB is
 * small beside the pages it programs. The polynomial is 0x1EDC6F41, reflected. */
static const uint32_t table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c_update(uint32_t crc, const uint8_t* bytes, uint32_t size) {
  crc = ~crc;
  for (uint32_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return ~crc;
}
