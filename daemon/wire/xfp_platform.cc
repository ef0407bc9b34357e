#include "wire/xfp_platform.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "loop/deadline.h"
#include "target_fw/xfp.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRequestLimit = 5s;
// What was refused once may have been the bus.
constexpr int kTriesMax = 3;

constexpr std::uint8_t kToHostStandardDevice = 0x80;
constexpr std::uint8_t kGetDescriptor = 6;
constexpr std::uint8_t kBosDescriptor = 15;
constexpr std::size_t kBosHeadSize = 5;  // USB 3.2, table 9-12
constexpr std::uint8_t kDeviceCapability = 16;
constexpr std::uint8_t kPlatformCapability = 5;
constexpr std::array<std::uint8_t, 16> kXfpUuid = XFP_PLATFORM_UUID;

Task<Result<ByteVector>> get_bos(UsbConnection& connection, std::size_t size) {
  const UsbRequest request = {kToHostStandardDevice, kGetDescriptor, kBosDescriptor << 8, 0};
  for (int tries = 1;; ++tries) {
    auto bytes = co_await with_timeout(kRequestLimit, connection.control_in(request, size));
    const bool is_fault = bytes.failed_with(Code::kStalled) || bytes.failed_with(Code::kTransfer) ||
                          bytes.failed_with(Code::kTimeout);
    if (!is_fault || tries == kTriesMax) co_return bytes;
  }
}

Task<Result<ByteVector>> read_bos(UsbConnection& connection) {
  CO_TRY(const ByteVector head, co_await get_bos(connection, kBosHeadSize));
  ByteReader reader(head);
  reader.skip(2);
  const std::size_t size = reader.u16_le();
  if (!reader.complete() || head[1] != kBosDescriptor || size < kBosHeadSize) co_return head;
  co_return co_await get_bos(connection, std::min(size, kControlBytesMax));
}

}  // namespace

Result<XfpPlatform> find_xfp_platform(ByteView bos) {
  ByteReader reader(bos);
  while (reader.left() >= 2) {
    const std::uint8_t size = reader.u8();
    const std::uint8_t type = reader.u8();
    ByteReader body(reader.bytes(size >= 2 ? size - 2u : 0u));
    if (size < 2 || !reader.complete()) break;
    const std::uint8_t capability = body.u8();
    body.skip(1);
    const ByteView uuid = body.bytes(kXfpUuid.size());
    XfpPlatform platform;
    platform.version = body.u8();
    platform.features = body.u32_le();
    if (type == kDeviceCapability && body.complete() && capability == kPlatformCapability &&
        std::ranges::equal(uuid, kXfpUuid)) {
      return platform;
    }
  }
  return Error(Code::kNotFound, "the BOS descriptor says nothing of XFP");
}

Task<Result<XfpPlatform>> read_xfp_platform(UsbConnection& connection) {
  auto bos = co_await read_bos(connection);
  if (!bos && !bos.failed_with(Code::kStalled)) {
    co_return std::move(bos).error().with_context("BOS descriptor");
  }
  auto platform = find_xfp_platform(bos ? ByteView(*bos) : ByteView());
  if (!platform) {
    co_return Error(Code::kUnsupported,
                    "the board has an interface for XFP, and no BOS descriptor that says which "
                    "version");
  }
  if (platform->version != XFP_INTERFACE_PROTOCOL) {
    co_return Error(Code::kUnsupported, "the board speaks XFP of version {}, and this gangd of {}",
                    platform->version, XFP_INTERFACE_PROTOCOL);
  }
  co_return platform;
}

}  // namespace gangd
