// Packing: a recipe's image gets packed once for all boards, on a worker, while it is written to
// the first of them already.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "base/packed_piece.h"
#include "image/packed_image.h"
#include "loop/port.h"
#include "loop/signal.h"
#include "loop/task.h"
#include "wire/wire.h"

namespace gangd {

class Packing {
 public:
  // Both must outlive it.
  Packing(Workers& workers, const Image& image) : workers_(workers), image_(image) {}

  // Packs what is not packed yet. One who asks does the work, the others wait; if that one is
  // cancelled, the next goes on. Boards of other sizes of pieces than the first get none.
  Task<Status> run(std::size_t piece_max);

  // What there is so far.
  const PackedPieces& pieces() const { return pieces_; }

  // Whether boards of this kind take packed pieces sooner, as soon as one of them has found out.
  // Stays where it is.
  std::optional<bool>& is_faster_for(const BoardKind& kind);

 private:
  Task<Status> pack(std::size_t piece_max);

  Workers& workers_;
  const Image& image_;
  std::unique_ptr<PackedImage> image_packed_;
  PackedPieces pieces_;
  std::deque<std::pair<BoardKind, std::optional<bool>>> found_out_;
  bool is_packing_ = false;
  Signal stopped_;
};

}  // namespace gangd
