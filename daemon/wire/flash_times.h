// How long a board's flash took for what it was told to do, in words for an engineer: what TRACE
// answers (target_fw/PROTOCOL.md; target_fw/core/flash_trace.h has the layout).
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace gangd {

// Of the memory at `address`. kDevice: it is no trace that we know. Bytes from anywhere are safe.
Result<std::string> flash_times(std::uint32_t address, ByteView trace);

}  // namespace gangd
