#include "wire/xfp_pieces.h"

#include <algorithm>
#include <bit>

#include "base/page_run.h"

namespace gangd {
namespace {

// The first pieces are small, so that a chip behind a slow bus does not wait for the first one.
constexpr std::size_t kFirstPiece = 4096;

}  // namespace

XfpPieces::XfpPieces(std::uint32_t address, ByteView bytes, std::size_t piece_max, bool has_fills,
                     const KnownSums& sums)
    : address_(address),
      bytes_(bytes),
      piece_max_(std::bit_floor(piece_max)),
      has_fills_(has_fills),
      sums_(sums) {}

// Most of an image is full, and need not be looked at for each board.
PageRun XfpPieces::next_run_of(std::size_t size_max) const {
  const bool is_aligned = (address_ + at_) % size_max == 0;
  if (is_aligned && bytes_.size() - at_ >= size_max &&
      sums_.are_full(bytes_.subspan(at_, size_max))) {
    return {at_, size_max};
  }
  return next_run(address_, bytes_, at_, size_max);
}

const PackedPiece* XfpPieces::find(const PackedPieces& packed, PageRun run) const {
  const auto address = static_cast<std::uint32_t>(address_ + run.at);
  const auto found = std::ranges::lower_bound(packed, address, {}, &PackedPiece::address);
  const bool is_it = found != packed.end() && found->address == address && found->size == run.size;
  return is_it ? &*found : nullptr;
}

XfpPieces::Piece XfpPieces::next(const PackedPieces& packed) {
  PageRun run = next_run_of(piece_max_);
  const PackedPiece* block = find(packed, run);
  if (block == nullptr) {
    const std::size_t raw_max = std::bit_floor(std::max(kFirstPiece, run.at));
    if (raw_max < piece_max_) run = next_run(address_, bytes_, run.at, raw_max);
  }
  Piece piece;
  piece.at = run.at;
  piece.bytes = piece.payload = bytes_.subspan(run.at, run.size);
  at_ = run.at + piece.bytes.size();
  if (has_fills_ && is_one_value(piece.bytes)) {
    piece.codec = XFP_FILL;
    piece.payload = piece.bytes.first(1);
  } else if (block != nullptr) {
    piece.codec = XFP_LZ4;
    piece.payload = block->block;
  }
  return piece;
}

}  // namespace gangd
