#include "target_fw/core/xfp_regions.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/bytes.h"
#include "target_fw/core/device.h"
#include "target_fw/core/xfp_frames.h"
#include "target_fw/xfp.h"

#define NAME_MAX 64u
/* What a memory's rate of programming is asked for. */
#define RATE_SAMPLE (1u << 20)

static uint8_t* put_field(uint8_t* at, enum xfp_field type, uint32_t size) {
  at[0] = (uint8_t)type;
  at[1] = (uint8_t)size;
  return at + 2;
}

static uint8_t* put_word(uint8_t* at, enum xfp_field type, uint32_t value) {
  at = put_field(at, type, 4);
  store_le32(at, value);
  return at + 4;
}

static uint32_t bytes_in_a_second(const struct memory* memory) {
  uint32_t ms = memory->writable ? memory->write_ms(memory->self, RATE_SAMPLE) : 0;
  return ms == 0 ? UINT32_MAX : (uint32_t)((uint64_t)RATE_SAMPLE * 1000 / ms);
}

static uint8_t* put_region(uint8_t* at, const struct memory* memory) {
  const struct memory_geometry* geometry = &memory->geometry;
  uint32_t name_size = 0;
  while (name_size < NAME_MAX && memory->name[name_size] != '\0') ++name_size;
  at = put_field(at, XFP_FIELD_REGION, XFP_REGION_SIZE + name_size);
  store_le32(at + XFP_REGION_AT_ADDRESS, geometry->address);
  store_le32(at + XFP_REGION_AT_SIZE, geometry->size);
  store_le32(at + XFP_REGION_AT_ERASE, geometry->erase_size);
  store_le32(at + XFP_REGION_AT_ERASE_MIN, geometry->erase_min);
  store_le32(at + XFP_REGION_AT_WRITE, geometry->write_size);
  store_le32(at + XFP_REGION_AT_BANK, geometry->bank_size);
  store_le32(at + XFP_REGION_AT_RATE, bytes_in_a_second(memory));
  at[XFP_REGION_AT_FLAGS] = (uint8_t)((memory->readable ? XFP_REGION_READABLE : 0) |
                                      (memory->erasable ? XFP_REGION_ERASABLE : 0) |
                                      (memory->writable ? XFP_REGION_WRITABLE : 0) |
                                      (memory->as_booted != NULL ? XFP_REGION_BOOTS : 0));
  memcpy(at + XFP_REGION_SIZE, memory->name, name_size);
  return at + XFP_REGION_SIZE + name_size;
}

static uint8_t* put_bytes(uint8_t* at, enum xfp_field type, const uint8_t* bytes, uint32_t size) {
  at = put_field(at, type, size);
  memcpy(at, bytes, size);
  return at + size;
}

/* Of which kind the board is: what a station has qualified, or not. */
static uint8_t* put_kind(uint8_t* at, const struct xfp_regions* regions) {
  const struct device_identity* identity = regions->identity;
  uint32_t size = 0;
  if (identity->chip != 0) at = put_word(at, XFP_FIELD_CHIP, identity->chip);
  while (identity->board != NULL && size < XFP_BOARD_MAX && identity->board[size] != '\0') ++size;
  if (size > 0) at = put_bytes(at, XFP_FIELD_BOARD, (const uint8_t*)identity->board, size);
  for (uint8_t i = 0; i < regions->memories_count; ++i) {
    const struct memory* memory = &regions->memories[i];
    if (memory->jedec_id == NULL) continue;
    at = put_field(at, XFP_FIELD_FLASH, 4u + memory->jedec_id_size);
    store_le32(at, memory->geometry.address);
    memcpy(at + 4, memory->jedec_id, memory->jedec_id_size);
    at += 4 + memory->jedec_id_size;
  }
  return at;
}

uint32_t xfp_put_capabilities(const struct xfp_regions* regions, uint8_t* bytes) {
  const struct device_identity* identity = regions->identity;
  uint8_t* at = put_bytes(bytes, XFP_FIELD_UID, identity->uid, DEVICE_UID_SIZE);
  at = put_word(at, XFP_FIELD_BUFFER, XFP_BUFFER);
  at = put_word(at, XFP_FIELD_FRAME, XFP_PAYLOAD_MAX);
  at = put_field(at, XFP_FIELD_CODECS, 1);
  *at++ = 1u << XFP_RAW | 1u << XFP_LZ4 | 1u << XFP_FILL;
  at = put_field(at, XFP_FIELD_FLAGS, 1);
  *at++ = XFP_QUIET;
  if (identity->start_nonce != NULL) {
    at = put_bytes(at, XFP_FIELD_START, identity->start_nonce, XFP_START_NONCE_SIZE);
  }
  for (uint8_t i = 0; i < regions->memories_count; ++i) at = put_region(at, &regions->memories[i]);
  at = put_kind(at, regions);
  return (uint32_t)(at - bytes);
}

/* Differences, not sums: an address near the top of 32 bits would wrap. */
const struct memory* xfp_memory_of(const struct xfp_regions* regions, uint32_t address,
                                   uint32_t size) {
  for (uint8_t i = 0; i < regions->memories_count; ++i) {
    const struct memory_geometry* geometry = &regions->memories[i].geometry;
    uint32_t offset = address - geometry->address;
    if (address < geometry->address || offset >= geometry->size) continue;
    if (size > 0 && size <= geometry->size - offset) return &regions->memories[i];
  }
  return NULL;
}
