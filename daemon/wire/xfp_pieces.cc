#include "wire/xfp_pieces.h"

#include <algorithm>
#include <cstring>

namespace gangd {
namespace {

// Of the smallest pages that flash is programmed in.
constexpr std::size_t kPage = 256;
// The first pieces are small, so that a chip behind a slow bus does not wait for the first one.
constexpr std::size_t kFirstPiece = 4096;

bool is_one_value(ByteView bytes) {
  return bytes.size() > 1 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

// Up to the end of the page that holds it.
std::size_t XfpPieces::page_at(std::size_t at) const {
  return std::min(kPage - (address_ + at) % kPage, bytes_.size() - at);
}

bool XfpPieces::is_blank_page(std::size_t at) const {
  const ByteView page = bytes_.subspan(at, page_at(at));
  return page[0] == 0xff && (page.size() == 1 || is_one_value(page));
}

XfpPieces::Piece XfpPieces::next() {
  while (at_ < bytes_.size() && is_blank_page(at_)) at_ += page_at(at_);
  const std::size_t begin = at_;
  const std::size_t limit = std::min(piece_max_, std::max(kFirstPiece, begin));
  while (at_ < bytes_.size() && at_ + page_at(at_) - begin <= limit && !is_blank_page(at_)) {
    at_ += page_at(at_);
  }
  Piece piece;
  piece.at = begin;
  piece.bytes = piece.payload = bytes_.subspan(begin, at_ - begin);
  if (is_one_value(piece.bytes)) {
    piece.codec = XFP_FILL;
    piece.payload = piece.bytes.first(1);
  }
  return piece;
}

}  // namespace gangd
