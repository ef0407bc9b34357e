// Bytes on their way into a board's flash: as many frames in flight as the device has room for.
#pragma once

#include <optional>

#include "loop/scope.h"
#include "wire/bank_check.h"
#include "wire/packed_trial.h"
#include "wire/wire.h"
#include "wire/xfp_link.h"
#include "wire/xfp_pieces.h"

namespace gangd {

class XfpStream {
 public:
  // All that is passed must outlive it.
  XfpStream(XfpLink& link, std::uint32_t address, ByteView bytes, BankCheck check,
            const PackedPieces& packed, const KnownSums& sums, PackedTrial& trial,
            Progress& progress)
      : link_(link),
        address_(address),
        pieces_(address, bytes, link.payload_max(), link.knows(XFP_FILL), sums),
        check_(check),
        packed_(packed),
        sums_(sums),
        trial_(trial),
        progress_(progress),
        size_(bytes.size()) {}

  // Until all is written, or something fails. Nothing is on its way when it returns.
  Task<Status> run();
  // Before this everything is written, or need not be.
  std::size_t written() const { return told_; }

 private:
  struct Sent {
    std::size_t at;  // in the bytes
    std::size_t size;
    int lap;  // of the trial
  };

  Task<> work(Scope& scope);
  Task<Status> exchange(Scope& scope);
  Task<> transmit(Scope& scope, ByteVector frame);
  void fill(Scope& scope);
  XfpPieces::Piece next_piece();
  // At the end of a transfer; whether another may follow there. What comes behind it is in `next_`.
  bool add(ByteWriter& transfer, const XfpPieces::Piece& piece);
  void send(Scope& scope, ByteWriter transfer);
  void ask(Scope& scope, const XfpLink::Request& request);
  // Lets the device look at the banks that are written, and asks how far it is.
  void check_banks(Scope& scope, Instant now);
  Status judge_job(ByteView status);
  void take_answered(std::uint64_t bytes, Instant now);
  void tell();
  // The first failure counts; it ends the rest.
  void fail(Scope& scope, Error error);

  XfpLink& link_;
  const std::uint32_t address_;
  XfpPieces pieces_;
  BankCheck check_;
  bool asks_ = false;  // how the check is; the answer has not come
  Instant asked_{};
  const PackedPieces& packed_;
  const KnownSums& sums_;
  PackedTrial& trial_;
  Progress& progress_;
  const std::size_t size_;
  std::optional<XfpPieces::Piece> next_;
  std::deque<Sent> sent_;  // those without an answer
  std::size_t told_ = 0;
  Status outcome_;
};

}  // namespace gangd
