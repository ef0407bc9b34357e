// A BOS descriptor that says this of XFP, behind a capability that nobody here asks for.
#pragma once

#include <array>

#include "base/bytes.h"
#include "target_fw/xfp.h"
#include "usb/usb.h"

namespace gangd {

inline bool asks_for_bos(const UsbRequest& request) {
  return request.type == 0x80 && request.request == 6 && request.value == 15 << 8;
}

inline ByteVector bos_descriptor(std::uint8_t version = XFP_INTERFACE_PROTOCOL,
                                 std::uint32_t features = XFP_FEATURES) {
  constexpr std::array<std::uint8_t, 16> kUuid = XFP_PLATFORM_UUID;
  ByteWriter bos;
  bos.u8(5).u8(15).u16_le(5 + 7 + 26).u8(2);
  bos.u8(7).u8(16).u8(2).u32_le(0);
  bos.u8(26).u8(16).u8(5).u8(0).bytes(kUuid).u8(version).u32_le(features).u8(0xee);
  return std::move(bos).take();
}

// What a device answers who asks for `size` bytes of it.
inline ByteVector first_of(ByteVector bytes, std::size_t size) {
  if (size < bytes.size()) bytes.resize(size);
  return bytes;
}

}  // namespace gangd
