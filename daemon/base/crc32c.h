// CRC-32C (Castagnoli, RFC 3720 B.4): guards frames on the wire. No proof of content; SHA-256 is.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace gangd {

// The checksum of `bytes`; `before` continues from the checksum of what came before them.
std::uint32_t crc32c(ByteView bytes, std::uint32_t before = 0);
// The checksum of two runs of bytes, one behind the other, from theirs.
std::uint32_t crc32c_joined(std::uint32_t first, std::uint32_t second, std::size_t second_size);
// The same as crc32c(), as on a CPU without an instruction for it.
std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t before = 0);

}  // namespace gangd
