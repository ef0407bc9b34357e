// What of a range of bytes goes into which frame.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/known_sums.h"
#include "base/packed_piece.h"
#include "base/page_run.h"
#include "target_fw/xfp.h"

namespace gangd {

// Cuts bytes that lie at an address of erased memory into pieces for WRITEs, one after another.
// Pages of 0xFF are left out: that is what erased memory holds.
class XfpPieces {
 public:
  // The bytes, and what is known of them, must outlive it. `piece_max`: of one piece, at least a
  // page. `has_fills`: whether the board takes XFP_FILL.
  XfpPieces(std::uint32_t address, ByteView bytes, std::size_t piece_max, bool has_fills,
            const KnownSums& sums);

  struct Piece {
    std::size_t at = 0;  // in the bytes
    ByteView bytes;
    std::uint8_t codec = XFP_RAW;
    ByteView payload;
  };

  // The next one, as in `packed` if it is there; of no bytes when there is none.
  Piece next(const PackedPieces& packed);
  // So many bytes are in pieces or were left out.
  std::size_t position() const { return at_; }

 private:
  // As next_run() has it from here on.
  PageRun next_run_of(std::size_t size_max) const;
  // The block of exactly these bytes, if there is one.
  const PackedPiece* find(const PackedPieces& packed, PageRun run) const;

  const std::uint32_t address_;
  const ByteView bytes_;
  const std::size_t piece_max_;
  const bool has_fills_;
  const KnownSums& sums_;
  std::size_t at_ = 0;
};

}  // namespace gangd
