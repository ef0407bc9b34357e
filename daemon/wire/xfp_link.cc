#include "wire/xfp_link.h"

#include <algorithm>
#include <chrono>

#include "base/crc32c.h"
#include "loop/deadline.h"
#include "wire/dfu.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// An answer comes when a block is in the chip, behind those that fill the device's buffer. The
// slowest part that we know takes 5.4 ms for a page of 256 bytes, by its maximum.
constexpr Duration kAnswerLimit = 10s;
constexpr Duration kSendLimit = 10s;
// Before the capabilities are known: they fit into one such payload.
constexpr std::size_t kHelloPayloadMax = 4096;
constexpr std::size_t kPayloadMax = std::size_t{1} << 20;
// Answers of a session that is over may still come.
constexpr int kStrangersMax = 64;

constexpr std::uint8_t kInterfaceDescriptor = 4;
constexpr std::uint8_t kEndpointDescriptor = 5;
constexpr std::uint8_t kBulk = 2;

// What a frame takes of the device's buffer.
std::size_t occupied_by(std::size_t payload_size) {
  return (XFP_HEADER_SIZE + payload_size) / XFP_CREDIT_UNIT * XFP_CREDIT_UNIT + XFP_CREDIT_UNIT;
}

// Of its payload, if all is well; an answer to a WRITE says that it is done, and no more.
std::size_t answer_max_of(const XfpLink::Request& request) {
  switch (request.op) {
    case XFP_HELLO:
      return kHelloPayloadMax;
    case XFP_STATUS:
      return XFP_JOB_SIZE + std::max<std::size_t>(XFP_PROOF_SIZE, 4 * XFP_DIGESTS_MAX);
    case XFP_READ:
      return request.span;
    case XFP_TRACE:
      return kHelloPayloadMax;
    case XFP_ERASE:
    case XFP_WRITE:
    case XFP_HASH:
    case XFP_DIGESTS:
      break;
  }
  return 0;
}

// A read of whole packets, with room for the header and the extra byte.
std::size_t room_for(std::size_t payload_size) {
  return occupied_by(payload_size + 1);
}

}  // namespace

std::string xfp_status_words(std::uint8_t status) {
  std::string_view meaning;
  switch (status) {
    case 0x03:
      meaning = " (the chip is write-protected)";
      break;
    case 0x04:
      meaning = " (the chip could not erase)";
      break;
    case 0x06:
      meaning = " (the chip could not program)";
      break;
    case 0x08:
      meaning = " (there is no such memory)";
      break;
    case 0x09:
      meaning = " (something before it failed)";
      break;
    case 0x0b:
      meaning = " (the chip does not come to an end, or answers nothing)";
      break;
    default:
      break;
  }
  return fmt::format("{}{}", dfu_status_name(status), meaning);
}

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
  occupied_ = 0;
  payload_max_ = buffer_ = kHelloPayloadMax;
  unanswered_.clear();
  CO_TRY(Answer answer, co_await call({.op = XFP_HELLO}));
  co_return std::move(answer.payload);
}

void XfpLink::set_limits(std::uint32_t payload_max, std::uint32_t buffer) {
  payload_max_ = std::min<std::size_t>(payload_max, kPayloadMax);
  buffer_ = std::max<std::size_t>(buffer, occupied_by(payload_max_));
}

bool XfpLink::has_room(std::size_t payload_size) const {
  return occupied_ + occupied_by(payload_size) <= buffer_;
}

ByteVector XfpLink::frame_of(const Request& request) {
  ByteWriter frame;
  frame.reserve(XFP_HEADER_SIZE + request.payload.size() + 1);
  frame.u32_le(XFP_MAGIC).u32_le(0).u32_le(session_).u32_le(sequence_);
  frame.u8(static_cast<std::uint8_t>(request.op)).u8(XFP_OK).u8(request.mode).u8(0);
  frame.u32_le(request.address).u32_le(request.span);
  frame.u32_le(static_cast<std::uint32_t>(request.payload.size())).bytes(request.payload);
  frame.patch_u32_le(XFP_AT_CRC, crc32c(frame.view().subspan(XFP_AT_SESSION)));
  if (frame.size() % XFP_PACKET_UNIT == 0) frame.u8(0);
  const std::size_t occupies = occupied_by(request.payload.size());
  unanswered_.push_back({sequence_, request.op, request.span, occupies, answer_max_of(request)});
  occupied_ += occupies;
  ++sequence_;
  return std::move(frame).take();
}

Task<Status> XfpLink::transmit(ByteVector frame) {
  co_return (
      co_await with_timeout(kSendLimit, connection_.bulk_out(endpoints_.out, std::move(frame))))
      .with_context("XFP: a request");
}

Task<Result<XfpLink::Answer>> XfpLink::receive() {
  for (int strangers = 0; strangers < kStrangersMax; ++strangers) {
    auto frame = co_await with_timeout(kAnswerLimit,
                                       connection_.bulk_in(endpoints_.in, room_for(answer_max())));
    // More than any answer has.
    if (frame.failed_with(Code::kDevice)) {
      co_return Error(Code::kTransfer, "XFP: {}", frame.error().message());
    }
    if (!frame) co_return std::move(frame).error().with_context("XFP: an answer");
    ByteReader reader(*frame);
    reader.skip(XFP_AT_SESSION);
    const std::uint32_t session = reader.u32_le();
    if (reader.complete() && session != session_) continue;
    co_return check(*frame);
  }
  co_return Error(Code::kDevice, "XFP: the board answers others than us");
}

std::size_t XfpLink::answer_max() const {
  std::size_t most = 0;
  for (const Sent& sent : unanswered_) most = std::max(most, sent.answer_max);
  return most;
}

std::optional<std::uint64_t> XfpLink::take_answered(std::uint32_t sequence, std::uint8_t op) {
  const auto asked = std::ranges::find(unanswered_, sequence, &Sent::sequence);
  if (asked == unanswered_.end() || asked->op != op) return {};
  // A WRITE may be answered by what is answered behind it; anything else may not.
  if (std::any_of(unanswered_.begin(), asked,
                  [](const Sent& before) { return before.op != XFP_WRITE; })) {
    return {};
  }
  std::uint64_t written = 0;
  while (true) {
    const Sent sent = unanswered_.front();
    unanswered_.pop_front();
    occupied_ -= sent.occupies;
    if (sent.op == XFP_WRITE) written += sent.span;
    if (sent.sequence == sequence) return written;
  }
}

Result<XfpLink::Answer> XfpLink::check(ByteView frame) {
  ByteReader reader(frame);
  const std::uint32_t magic = reader.u32_le();
  const std::uint32_t crc = reader.u32_le();
  reader.skip(4);
  const std::uint32_t sequence = reader.u32_le();
  const std::uint8_t op = reader.u8();
  const std::uint8_t status = reader.u8();
  reader.skip(2);
  const std::uint32_t address = reader.u32_le();
  reader.skip(4);
  const std::uint32_t size = reader.u32_le();
  const ByteView payload = reader.bytes(size);
  if (magic != XFP_MAGIC || !reader.complete() ||
      crc != crc32c(frame.subspan(XFP_AT_SESSION,
                                  XFP_HEADER_SIZE + std::size_t{size} - XFP_AT_SESSION))) {
    return Error(Code::kTransfer, "XFP: a damaged frame came from the board");
  }
  if (status == XFP_LOST) return Error(Code::kTransfer, "XFP: the board has lost a frame");
  const std::optional<std::uint64_t> written = take_answered(sequence, op);
  if (!written) {
    return Error(Code::kTransfer, "XFP: the board answers request {}, which was not asked",
                 sequence);
  }
  if (status == XFP_ERR_VERIFY) {
    return Error(Code::kMismatch, "0x{:08x}: the memory holds something else than was written",
                 address);
  }
  if (status != XFP_OK) {
    return Error(Code::kDevice, "0x{:08x}: the device reports {}", address,
                 xfp_status_words(status));
  }
  return Answer{ByteVector(payload.begin(), payload.end()), *written};
}

Task<Result<XfpLink::Answer>> XfpLink::call(Request request) {
  CO_TRY_STATUS(co_await transmit(frame_of(request)));
  co_return co_await receive();
}

}  // namespace gangd
