// What a board says of XFP before anything of it is claimed: the platform capability in its BOS
// descriptor (target_fw/PROTOCOL.md, Descriptors).
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "loop/task.h"
#include "usb/usb.h"

namespace gangd {

struct XfpPlatform {
  std::uint8_t version = 0;
  std::uint32_t features = 0;  // XFP_FEATURE_*, and such as nobody knows yet

  bool has(std::uint32_t feature) const { return (features & feature) != 0; }
};

// In a whole BOS descriptor; kNotFound if it is not there. Bytes from anywhere are safe.
Result<XfpPlatform> find_xfp_platform(ByteView bos);

// Asks the device. kUnsupported: it says nothing of XFP, or of a version that we do not know.
Task<Result<XfpPlatform>> read_xfp_platform(UsbConnection& connection);

}  // namespace gangd
