/* Little-endian fields of USB and DFU, at any alignment and on any host. */
#ifndef GANGD_TARGET_FW_CORE_BYTES_H
#define GANGD_TARGET_FW_CORE_BYTES_H

#include <stdint.h>

static inline uint16_t load_le16(const uint8_t* bytes) {
  return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t load_le32(const uint8_t* bytes) {
  return (uint32_t)load_le16(bytes) | (uint32_t)load_le16(bytes + 2) << 16;
}

static inline void store_le16(uint8_t* bytes, uint16_t value) {
  bytes[0] = (uint8_t)value;
  bytes[1] = (uint8_t)(value >> 8);
}

static inline void store_le24(uint8_t* bytes, uint32_t value) {
  store_le16(bytes, (uint16_t)value);
  bytes[2] = (uint8_t)(value >> 16);
}

static inline void store_le32(uint8_t* bytes, uint32_t value) {
  store_le16(bytes, (uint16_t)value);
  store_le16(bytes + 2, (uint16_t)(value >> 16));
}

#endif
