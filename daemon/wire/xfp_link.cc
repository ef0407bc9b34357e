#include "wire/xfp_link.h"

#include <algorithm>
#include <chrono>

#include "base/crc32c.h"
#include "loop/deadline.h"
#include "loop/this_loop.h"
#include "wire/dfu.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// An answer comes at once, but to a WRITE: when all of those before it are in the chip. That takes
// what the board tells of its rate, and for chips that are worn or cold more: a chip can promise at
// most 32 times what is typical for a page (JESD216, the multiplier of its 11th word). A chip that
// takes longer is told by the device itself.
constexpr Duration kAnswerLimit = 10s;
constexpr Duration kAnswerLimitMax = 10min;
constexpr std::uint64_t kMostOverTypical = 32;
constexpr Duration kSendLimit = 10s;
// Before the capabilities are known: they fit into one such payload.
constexpr std::size_t kHelloPayloadMax = 4096;
// What a board may tell, whatever it tells: frames of all boards together must not need a
// station's memory. The boards that we know have buffers of 66 KiB, for frames of 16 KiB.
constexpr std::size_t kPayloadMax = std::size_t{256} << 10;
constexpr std::size_t kBufferMax = std::size_t{1} << 20;
// Of several frames together: more would save little, and lend much.
constexpr std::size_t kTransferMax = std::size_t{128} << 10;
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
  std::optional<std::uint8_t> other;  // version
  while (reader.left() >= 2) {
    const std::uint8_t size = reader.u8();
    const std::uint8_t type = reader.u8();
    const ByteView body = reader.bytes(size >= 2 ? size - 2u : 0u);
    if (size < 2 || !reader.complete()) break;
    if (type == kInterfaceDescriptor && body.size() >= 7) {
      const bool is_xfp = body[3] == XFP_INTERFACE_CLASS && body[4] == XFP_INTERFACE_SUBCLASS;
      is_inside = body[1] == 0 && is_xfp && body[5] == XFP_INTERFACE_PROTOCOL;
      if (is_inside) found.interface = body[0];
      if (is_xfp && !is_inside && !other) other = body[5];
    } else if (type == kEndpointDescriptor && is_inside && body.size() >= 5 && body[1] == kBulk) {
      ((body[0] & 0x80) != 0 ? found.in : found.out) = body[0];
    }
    if (found.in != 0 && found.out != 0) return found;
  }
  if (other && *other != XFP_INTERFACE_PROTOCOL) {
    return Error(Code::kUnsupported, "the board speaks XFP of version {}, and this gangd of {}",
                 *other, XFP_INTERFACE_PROTOCOL);
  }
  return Error(Code::kNotFound, "the device has no XFP interface");
}

// What another life of gangd has sent must not pass for ours, nor what this one sent before.
Task<> XfpLink::choose_session() {
  Port& port = (co_await ThisLoop()).port();
  const std::uint32_t before = session_;
  while (session_ == before || session_ == 0) session_ = static_cast<std::uint32_t>(port.random());
}

Task<Result<ByteVector>> XfpLink::hello() {
  co_await choose_session();
  sequence_ = 0;
  occupied_ = 0;
  quiet_ = 0;
  flags_ = codecs_ = 0;
  rate_ = 0;
  payload_max_ = buffer_ = kHelloPayloadMax;
  unanswered_.clear();
  CO_TRY(Answer answer, co_await call({.op = XFP_HELLO}));
  co_return std::move(answer.payload);
}

void XfpLink::set_limits(std::uint32_t payload_max, std::uint32_t buffer) {
  payload_max_ = std::min<std::size_t>(payload_max, kPayloadMax);
  buffer_ = std::clamp<std::size_t>(buffer, occupied_by(payload_max_), kBufferMax);
}

bool XfpLink::has_room(std::size_t payload_size) const {
  return occupied_ + occupied_by(payload_size) <= buffer_;
}

ByteVector XfpLink::frame_of(const Request& request) {
  ByteWriter transfer;
  transfer.reserve(XFP_HEADER_SIZE + request.payload.size() + 1);
  add_frame(transfer, request);
  return std::move(transfer).take();
}

void XfpLink::add_frame(ByteWriter& transfer, const Request& request) {
  const std::size_t room = occupied_by(payload_max_);
  const std::size_t begin = (transfer.size() + room - 1) / room * room;
  transfer.fill(0, begin - transfer.size());
  transfer.u32_le(XFP_MAGIC).u32_le(0).u32_le(session_).u32_le(sequence_);
  transfer.u8(static_cast<std::uint8_t>(request.op)).u8(XFP_OK).u8(request.mode);
  transfer.u8(request.is_quiet ? XFP_QUIET : 0);
  transfer.u32_le(request.address).u32_le(request.span);
  transfer.u32_le(static_cast<std::uint32_t>(request.payload.size()));
  const std::uint32_t header = crc32c(transfer.view().subspan(begin + XFP_AT_SESSION));
  transfer.bytes(request.payload);
  const std::uint32_t payload =
      request.payload_sum ? *request.payload_sum : crc32c(request.payload);
  transfer.patch_u32_le(begin + XFP_AT_CRC, crc32c_joined(header, payload, request.payload.size()));
  if ((transfer.size() - begin) % XFP_PACKET_UNIT == 0) transfer.u8(0);
  const std::size_t occupies = occupied_by(request.payload.size());
  unanswered_.push_back({sequence_, request.op, request.span, occupies, answer_max_of(request)});
  occupied_ += occupies;
  quiet_ = request.is_quiet ? quiet_ + occupies : 0;
  ++sequence_;
}

bool XfpLink::shares_transfers() const {
  const UsbSpeed speed = connection_.device().speed;
  return speed == UsbSpeed::kHigh || speed == UsbSpeed::kSuper;
}

std::size_t XfpLink::transfer_size(std::size_t payload_size) const {
  const std::size_t one = XFP_HEADER_SIZE + payload_size + 1;
  if (payload_size < payload_max_ || !shares_transfers()) return one;
  return std::clamp(buffer_ - occupied_, one, kTransferMax);
}

bool XfpLink::may_be_followed(const ByteWriter& transfer, const Request& request) const {
  return shares_transfers() && request.payload.size() == payload_max_ &&
         transfer.size() + occupied_by(payload_max_) <= kTransferMax;
}

// An answer is asked for when the next frame could be one too many: of those that fill the buffer,
// one is answered, and the frame behind it is what the device has left to do then.
bool XfpLink::may_be_quiet(std::size_t payload_size) const {
  const std::size_t one = occupied_by(payload_max_);
  return (flags_ & XFP_QUIET) != 0 && quiet_ + occupied_by(payload_size) + one + one <= buffer_;
}

Task<Status> XfpLink::transmit(ByteVector transfer) {
  co_return (
      co_await with_timeout(kSendLimit, connection_.bulk_out(endpoints_.out, std::move(transfer))))
      .with_context("XFP: a request");
}

Duration XfpLink::answer_limit() const {
  std::uint64_t bytes = 0;
  for (const Sent& sent : unanswered_) bytes += sent.op == XFP_WRITE ? sent.span : 0;
  const std::chrono::seconds writing(bytes * kMostOverTypical / std::max(rate_, 1U));
  return std::min<Duration>(kAnswerLimit + writing, kAnswerLimitMax);
}

Task<Result<XfpLink::Answer>> XfpLink::receive() {
  for (int strangers = 0; strangers < kStrangersMax; ++strangers) {
    auto frame = co_await with_timeout(answer_limit(),
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
  return Answer{static_cast<xfp_op>(op), ByteVector(payload.begin(), payload.end()), *written};
}

Task<Result<XfpLink::Answer>> XfpLink::call(Request request) {
  CO_TRY_STATUS(co_await transmit(frame_of(request)));
  co_return co_await receive();
}

}  // namespace gangd
