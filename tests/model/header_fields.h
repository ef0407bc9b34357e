// A boot header to be made, as make_header.py does it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ed25519.h"
#include "target_fw/boot/boot_header.h"
#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"
#include "target_fw/core/sha256.h"

namespace gangd {

using Bytes = std::vector<std::uint8_t>;

struct HeaderFields {
  std::uint32_t flags = 0;
  std::uint32_t address = 0x7000'0000;
  std::uint32_t size = 0;
  std::uint32_t run_address = 0x7000'0000;
  std::uint32_t vectors = 0;
  std::uint32_t security_version = 0;
  std::string_view board = "bench";
  std::string_view version = "1.0";
  std::array<std::uint8_t, SHA256_SIZE> sha256{};

  void hash(const Bytes& image) {
    size = static_cast<std::uint32_t>(image.size());
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_update(&hash, image.data(), size);
    sha256_end(&hash, sha256.data());
  }
  Bytes bytes(const SecretKey* key = nullptr) const {
    Bytes out(BOOT_HEADER_SIZE, 0);
    store_le32(&out[BOOT_AT_MAGIC], BOOT_HEADER_MAGIC);
    store_le16(&out[BOOT_AT_FORMAT], BOOT_HEADER_FORMAT);
    store_le16(&out[BOOT_AT_SIZE], BOOT_HEADER_SIZE);
    store_le32(&out[BOOT_AT_FLAGS], flags);
    store_le32(&out[BOOT_AT_ADDRESS], address);
    store_le32(&out[BOOT_AT_IMAGE_SIZE], size);
    store_le32(&out[BOOT_AT_RUN_ADDRESS], run_address);
    store_le32(&out[BOOT_AT_VECTORS], vectors);
    store_le32(&out[BOOT_AT_SECURITY], security_version);
    std::ranges::copy(board, &out[BOOT_AT_BOARD]);
    std::ranges::copy(version, &out[BOOT_AT_VERSION]);
    std::ranges::copy(sha256, &out[BOOT_AT_SHA256]);
    if (key != nullptr) {
      const Signature signature =
          key->sign({reinterpret_cast<const char*>(out.data()), BOOT_AT_SIGNATURE});
      std::ranges::copy(signature.bytes, &out[BOOT_AT_SIGNATURE]);
    }
    seal(out);
    return out;
  }
  // What was changed by hand fits its CRC again.
  static void seal(Bytes& header) {
    store_le32(&header[BOOT_AT_CRC], crc32c_update(0, header.data(), BOOT_AT_CRC));
  }
};

}  // namespace gangd
