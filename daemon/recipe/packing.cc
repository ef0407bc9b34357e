#include "recipe/packing.h"

#include <algorithm>

#include "loop/offload.h"

namespace gangd {

Task<Status> Packing::run(std::size_t piece_max) {
  while (is_packing_) CO_TRY_STATUS(co_await stopped_.wait());
  is_packing_ = true;
  Status status = co_await pack(piece_max);
  is_packing_ = false;
  stopped_.notify();
  co_return status;
}

std::optional<bool>& Packing::is_faster_for(const BoardKind& kind) {
  const auto known =
      std::ranges::find(found_out_, kind, &std::pair<BoardKind, std::optional<bool>>::first);
  if (known != found_out_.end()) return known->second;
  return found_out_.emplace_back(kind, std::nullopt).second;
}

Task<Status> Packing::pack(std::size_t piece_max) {
  if (image_packed_ == nullptr) {
    CO_TRY(image_packed_, PackedImage::make(image_, piece_max));
  }
  PackedImage& packed = *image_packed_;
  while (!packed.is_done()) {
    CO_TRY(const PackedPieces some,
           co_await offload(workers_, [&packed] { return packed.pack_some(); }));
    pieces_.insert(pieces_.end(), some.begin(), some.end());
  }
  co_return Status();
}

}  // namespace gangd
