// What of a range of bytes goes into which frame.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "target_fw/xfp.h"

namespace gangd {

// Cuts bytes that lie at an address of erased memory into pieces for WRITEs, one after another.
// Pages of 0xFF are left out: that is what erased memory holds.
class XfpPieces {
 public:
  // The bytes must outlive it. `piece_max`: of one piece, a multiple of the page.
  XfpPieces(std::uint32_t address, ByteView bytes, std::size_t piece_max)
      : address_(address), bytes_(bytes), piece_max_(piece_max) {}

  struct Piece {
    std::size_t at = 0;  // in the bytes
    ByteView bytes;
    std::uint8_t codec = XFP_RAW;
    ByteView payload;
  };

  // The next one; of no bytes when there is none.
  Piece next();
  // So many bytes are in pieces or were left out.
  std::size_t position() const { return at_; }

 private:
  std::size_t page_at(std::size_t at) const;
  bool is_blank_page(std::size_t at) const;

  const std::uint32_t address_;
  const ByteView bytes_;
  const std::size_t piece_max_;
  std::size_t at_ = 0;
};

}  // namespace gangd
