#include "wire/xfp_link.h"

#include <chrono>

#include "base/crc32c.h"
#include "loop/deadline.h"
#include "wire/dfu.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// An answer comes when a block of 4 KiB is in the chip, behind three others; the slowest part that
// we know takes 86 ms for one by its maximum.
constexpr Duration kAnswerLimit = 10s;
constexpr Duration kSendLimit = 10s;
// Whole packets of high speed.
constexpr std::size_t kRoom = 4608;
// Answers of a session that is over may still come.
constexpr int kStrangersMax = 16;

constexpr std::uint8_t kInterfaceDescriptor = 4;
constexpr std::uint8_t kEndpointDescriptor = 5;
constexpr std::uint8_t kBulk = 2;

ByteVector frame_of(std::uint32_t session, std::uint32_t sequence, xfp_op op, std::uint32_t address,
                    ByteView payload) {
  ByteWriter frame;
  frame.u32_le(XFP_MAGIC).u32_le(0).u32_le(session).u32_le(sequence);
  frame.u8(static_cast<std::uint8_t>(op)).u8(XFP_OK);
  frame.u16_le(static_cast<std::uint16_t>(payload.size())).u32_le(address).bytes(payload);
  frame.patch_u32_le(XFP_AT_CRC, crc32c(frame.view().subspan(XFP_AT_SESSION)));
  if (frame.size() % XFP_PACKET_UNIT == 0) frame.u8(0);
  return std::move(frame).take();
}

}  // namespace

Result<XfpEndpoints> find_xfp(ByteView configuration) {
  ByteReader reader(configuration);
  XfpEndpoints found;
  bool is_inside = false;
  while (reader.left() >= 2) {
    const std::uint8_t size = reader.u8();
    const std::uint8_t type = reader.u8();
    const ByteView body = reader.bytes(size >= 2 ? size - 2u : 0u);
    if (size < 2 || !reader.complete()) break;
    if (type == kInterfaceDescriptor && body.size() >= 7) {
      is_inside = body[1] == 0 && body[3] == XFP_INTERFACE_CLASS &&
                  body[4] == XFP_INTERFACE_SUBCLASS && body[5] == XFP_INTERFACE_PROTOCOL;
      if (is_inside) found.interface = body[0];
    } else if (type == kEndpointDescriptor && is_inside && body.size() >= 5 && body[1] == kBulk) {
      ((body[0] & 0x80) != 0 ? found.in : found.out) = body[0];
    }
    if (found.in != 0 && found.out != 0) return found;
  }
  return Error(Code::kNotFound, "the device has no XFP interface");
}

Task<Result<ByteVector>> XfpLink::hello() {
  ++session_;
  sequence_ = 0;
  unanswered_.clear();
  CO_TRY(Answer answer, co_await call(XFP_HELLO, 0, {}));
  co_return std::move(answer.payload);
}

Task<Status> XfpLink::send(xfp_op op, std::uint32_t address, ByteVector payload) {
  unanswered_.push_back({sequence_, op});
  ByteVector frame = frame_of(session_, sequence_, op, address, payload);
  ++sequence_;
  co_return (
      co_await with_timeout(kSendLimit, connection_.bulk_out(endpoints_.out, std::move(frame))))
      .with_context("XFP");
}

Task<Result<XfpLink::Answer>> XfpLink::receive() {
  for (int strangers = 0; strangers < kStrangersMax; ++strangers) {
    auto frame = co_await with_timeout(kAnswerLimit, connection_.bulk_in(endpoints_.in, kRoom));
    if (!frame) co_return std::move(frame).error().with_context("XFP");
    ByteReader reader(*frame);
    reader.skip(XFP_AT_SESSION);
    const std::uint32_t session = reader.u32_le();
    if (reader.complete() && session != session_) continue;
    co_return check(*frame);
  }
  co_return Error(Code::kDevice, "XFP: the board answers others than us");
}

Result<XfpLink::Answer> XfpLink::check(ByteView frame) {
  ByteReader reader(frame);
  const std::uint32_t magic = reader.u32_le();
  const std::uint32_t crc = reader.u32_le();
  reader.skip(4);
  const std::uint32_t sequence = reader.u32_le();
  const std::uint8_t op = reader.u8();
  const std::uint8_t status = reader.u8();
  const std::uint16_t size = reader.u16_le();
  Answer answer;
  answer.address = reader.u32_le();
  const ByteView payload = reader.bytes(size);
  if (magic != XFP_MAGIC || !reader.complete() ||
      crc != crc32c(frame.subspan(XFP_AT_SESSION,
                                  XFP_HEADER_SIZE + std::size_t{size} - XFP_AT_SESSION))) {
    return Error(Code::kTransfer, "XFP: a damaged frame came from the board");
  }
  if (status == XFP_LOST) return Error(Code::kTransfer, "XFP: the board has lost a frame");
  const Request expected = unanswered_.front();
  if (sequence != expected.sequence || op != expected.op) {
    return Error(Code::kTransfer, "XFP: the board answers request {} instead of {}", sequence,
                 expected.sequence);
  }
  unanswered_.pop_front();
  if (status != XFP_OK) {
    return Error(Code::kDevice, "0x{:08x}: the device reports {}", answer.address,
                 dfu_status_name(status));
  }
  answer.payload.assign(payload.begin(), payload.end());
  return answer;
}

Task<Result<XfpLink::Answer>> XfpLink::call(xfp_op op, std::uint32_t address, ByteVector payload) {
  CO_TRY_STATUS(co_await send(op, address, std::move(payload)));
  co_return co_await receive();
}

}  // namespace gangd
