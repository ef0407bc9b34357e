#include "wire/xfp_stream.h"

#include "base/check.h"
#include "loop/this_loop.h"

namespace gangd {

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
  fill(scope);
  tell();
  while (!sent_.empty()) {
    CO_TRY(const XfpLink::Answer answer, co_await link_.receive());
    for (std::uint64_t left = answer.written; left > 0 && !sent_.empty(); sent_.pop_front()) {
      left -= sent_.front().bytes.size();
    }
    fill(scope);
    tell();
  }
  co_return Status();
}

// Frames are made in the order in which their tasks run.
void XfpStream::fill(Scope& scope) {
  while (true) {
    if (!next_) next_ = pieces_.next();
    if (next_->bytes.empty() || !link_.has_room(next_->payload.size())) return;
    ByteVector frame = link_.frame_of({.op = XFP_WRITE,
                                       .mode = next_->codec,
                                       .address = static_cast<std::uint32_t>(address_ + next_->at),
                                       .span = static_cast<std::uint32_t>(next_->bytes.size()),
                                       .payload = next_->payload});
    sent_.push_back(*std::exchange(next_, {}));
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
