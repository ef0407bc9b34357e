#include "wire/xfp_stream.h"

#include "base/check.h"
#include "loop/this_loop.h"

namespace gangd {
namespace {

const PackedPieces kNothingPacked;
constexpr int kNoLap = -1;

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
  while (!sent_.empty()) {
    CO_TRY(const XfpLink::Answer answer, co_await link_.receive());
    take_answered(answer.written, loop.now());
    fill(scope);
    tell();
  }
  co_return Status();
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
  while (true) {
    if (!next_) next_ = pieces_.next(trial_.packs() ? packed_ : kNothingPacked);
    if (next_->bytes.empty() || !link_.has_room(next_->payload.size())) return;
    ByteVector frame = link_.frame_of({.op = XFP_WRITE,
                                       .mode = next_->codec,
                                       .address = static_cast<std::uint32_t>(address_ + next_->at),
                                       .span = static_cast<std::uint32_t>(next_->bytes.size()),
                                       .payload = next_->payload});
    // While nothing is packed yet, there is nothing to try.
    const bool is_tried = next_->codec == XFP_LZ4 || !trial_.packs();
    sent_.push_back({next_->at, next_->bytes.size(), is_tried ? trial_.lap() : kNoLap});
    next_.reset();
    scope.spawn("frame", transmit(scope, std::move(frame)));
  }
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
