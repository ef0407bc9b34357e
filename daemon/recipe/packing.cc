#include "recipe/packing.h"

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
