#include "target_fw/boot/boot_header.h"

#include <string.h>

#include "target_fw/core/blank.h"
#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"

static bool is_zero(const uint8_t* bytes, uint32_t size) {
  uint8_t any = 0;
  for (uint32_t i = 0; i < size; ++i) any = (uint8_t)(any | bytes[i]);
  return any == 0;
}

static bool is_known(const uint8_t* bytes) {
  return load_le16(bytes + BOOT_AT_FORMAT) == BOOT_HEADER_FORMAT &&
         load_le16(bytes + BOOT_AT_SIZE) == BOOT_HEADER_SIZE &&
         (load_le32(bytes + BOOT_AT_FLAGS) & ~(uint32_t)BOOT_COPY) == 0 &&
         is_zero(bytes + BOOT_AT_RESERVED, BOOT_AT_SIGNATURE - BOOT_AT_RESERVED) &&
         is_zero(bytes + BOOT_AT_RESERVED_TOO, BOOT_AT_CRC - BOOT_AT_RESERVED_TOO);
}

enum boot_header_state boot_header_parse(const uint8_t bytes[BOOT_HEADER_SIZE],
                                         struct boot_header* header) {
  if (is_blank(bytes, BOOT_HEADER_SIZE)) return BOOT_HEADER_BLANK;
  if (load_le32(bytes + BOOT_AT_MAGIC) != BOOT_HEADER_MAGIC ||
      crc32c_update(0, bytes, BOOT_AT_CRC) != load_le32(bytes + BOOT_AT_CRC)) {
    return BOOT_HEADER_BROKEN;
  }
  if (!is_known(bytes)) return BOOT_HEADER_FOREIGN;
  header->flags = load_le32(bytes + BOOT_AT_FLAGS);
  header->address = load_le32(bytes + BOOT_AT_ADDRESS);
  header->size = load_le32(bytes + BOOT_AT_IMAGE_SIZE);
  header->run_address = load_le32(bytes + BOOT_AT_RUN_ADDRESS);
  header->vectors = load_le32(bytes + BOOT_AT_VECTORS);
  header->security_version = load_le32(bytes + BOOT_AT_SECURITY);
  memcpy(header->board, bytes + BOOT_AT_BOARD, BOOT_NAME_SIZE);
  memcpy(header->version, bytes + BOOT_AT_VERSION, BOOT_NAME_SIZE);
  memcpy(header->sha256, bytes + BOOT_AT_SHA256, SHA256_SIZE);
  memcpy(header->signature, bytes + BOOT_AT_SIGNATURE, ED25519_SIGNATURE_SIZE);
  return BOOT_HEADER_GOOD;
}
