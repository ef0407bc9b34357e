#include "wire/xfp_stream.h"

#include <chrono>

#include "base/check.h"
#include "loop/this_loop.h"

namespace gangd {
namespace {

const PackedPieces kNothingPacked;
constexpr int kNoLap = -1;
// Between two questions how the check of a bank is; a bank takes seconds to write.
constexpr Duration kAskPause = std::chrono::milliseconds(100);

}  // namespace

Task<Status> XfpStream::run() {
  Scope scope(co_await ThisLoop(), "xfp stream");
  scope.spawn("exchange", work(scope));
  co_await scope.join();
  co_return outcome_;
}

Task<> XfpStream::work(Scope& scope) {
  Status status = co_await exchange(scope);
  if (!status) fail(scope, std::move(status).error());
}

void XfpStream::fail(Scope& scope, Error error) {
  if (outcome_) outcome_ = std::move(error);
  scope.cancel();
}

Task<Status> XfpStream::exchange(Scope& scope) {
  Loop& loop = co_await ThisLoop();
  fill(scope);
  tell();
  while (!link_.all_answered()) {
    CO_TRY(const XfpLink::Answer answer, co_await link_.receive());
    take_answered(answer.written, loop.now());
    if (answer.op == XFP_STATUS) CO_TRY_STATUS(judge_job(answer.payload));
    check_banks(scope, loop.now());
    fill(scope);
    tell();
  }
  co_return Status();
}

void XfpStream::check_banks(Scope& scope, Instant now) {
  if (!next_ || !link_.has_room(0)) return;
  const auto range = next_->bytes.empty() ? std::nullopt : check_.due(next_->at);
  if (range) {
    check_.asked(*range);
    asked_ = now;
    ask(scope, {.op = XFP_DIGESTS, .address = range->address, .span = range->size});
  } else if (check_.waits() && !asks_ && now - asked_ > kAskPause) {
    asks_ = true;
    asked_ = now;
    ask(scope, {.op = XFP_STATUS});
  }
}

void XfpStream::ask(Scope& scope, const XfpLink::Request& request) {
  ByteWriter transfer;
  link_.add_frame(transfer, request);
  send(scope, std::move(transfer));
}

Status XfpStream::judge_job(ByteView status) {
  asks_ = false;
  ByteReader reader(status);
  const std::uint8_t state = reader.u8();
  reader.skip(1);
  const std::uint8_t reason = reader.u8();
  reader.skip(XFP_JOB_SIZE - 3);
  const ByteView digests = reader.bytes(reader.left());
  if (!reader.complete()) return Error(Code::kDevice, "XFP: a status that cannot be");
  if (state == XFP_JOB_RUNNING) return {};
  if (state == XFP_JOB_DONE) return check_.judge(digests);
  if (state != XFP_JOB_FAILED) return Error(Code::kDevice, "XFP: the board forgot its job");
  return Error(Code::kDevice,
               "0x{:08x}: what was written there cannot be looked at: the device reports {}",
               check_.address(), xfp_status_words(reason));
}

void XfpStream::take_answered(std::uint64_t bytes, Instant now) {
  const int lap = trial_.lap();
  std::uint64_t of_lap = 0;
  for (std::uint64_t left = bytes; left > 0 && !sent_.empty(); sent_.pop_front()) {
    const Sent& piece = sent_.front();
    left -= piece.size;
    if (piece.lap == lap) of_lap += piece.size;
  }
  trial_.answered(lap, of_lap, now);
}

// Frames are made in the order in which their tasks run.
void XfpStream::fill(Scope& scope) {
  ByteWriter transfer;
  while (true) {
    if (!next_) next_ = next_piece();
    if (next_->bytes.empty() || !link_.has_room(next_->payload.size())) break;
    const XfpPieces::Piece piece = *std::exchange(next_, next_piece());
    // While nothing is packed yet, there is nothing to try.
    const bool is_tried = piece.codec == XFP_LZ4 || !trial_.packs();
    sent_.push_back({piece.at, piece.bytes.size(), is_tried ? trial_.lap() : kNoLap});
    if (transfer.size() == 0) transfer.reserve(link_.transfer_size(piece.payload.size()));
    if (!add(transfer, piece)) send(scope, std::exchange(transfer, {}));
  }
  if (transfer.size() > 0) send(scope, std::move(transfer));
}

XfpPieces::Piece XfpStream::next_piece() {
  return pieces_.next(trial_.packs() ? packed_ : kNothingPacked);
}

bool XfpStream::add(ByteWriter& transfer, const XfpPieces::Piece& piece) {
  const bool is_last = next_->bytes.empty();
  const XfpLink::Request request = {
      .op = XFP_WRITE,
      .mode = piece.codec,
      .address = static_cast<std::uint32_t>(address_ + piece.at),
      .span = static_cast<std::uint32_t>(piece.bytes.size()),
      .payload = piece.payload,
      .payload_sum = sums_.of(piece.payload),
      .is_quiet = !is_last && link_.may_be_quiet(piece.payload.size())};
  link_.add_frame(transfer, request);
  return link_.may_be_followed(transfer, request);
}

void XfpStream::send(Scope& scope, ByteWriter transfer) {
  scope.spawn("frames", transmit(scope, std::move(transfer).take()));
}

Task<> XfpStream::transmit(Scope& scope, ByteVector frame) {
  Status status = co_await link_.transmit(std::move(frame));
  if (!status) fail(scope, std::move(status).error());
}

void XfpStream::tell() {
  const std::size_t done = !sent_.empty()                   ? sent_.front().at
                           : next_ && !next_->bytes.empty() ? next_->at
                                                            : size_;
  CHECK(done >= told_);
  if (done == told_) return;
  progress_(done - told_);
  told_ = done;
}

}  // namespace gangd
