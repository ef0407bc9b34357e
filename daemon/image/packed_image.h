// The pieces of an image that LZ4 makes shorter, made once and mapped read-only for all boards.
#pragma once

#include <cstddef>
#include <memory>

#include "base/packed_piece.h"
#include "base/result.h"
#include "image/image.h"

namespace gangd {

// Beyond so many bytes the rest is sent as it is: packed bytes are held beside the image, and count
// in what a station may have above it (tests/bench/host, memory).
constexpr std::size_t kPackedBytesMax = std::size_t{24} << 20;

class PackedImage {
 public:
  // `piece_max`: of one piece, a power of two; pieces are cut as by next_run(). The image must
  // outlive it. kExhausted: the machine has no memory for it.
  static Result<std::unique_ptr<PackedImage>> make(const Image& image, std::size_t piece_max,
                                                   std::size_t bytes_max = kPackedBytesMax);
  ~PackedImage();
  PackedImage(const PackedImage&) = delete;
  PackedImage& operator=(const PackedImage&) = delete;

  // Packs some more: some 25 ms of work, for a worker, one at a time. Gives what came out, which
  // stays as long as this does; what is not shorter, or finds no room, is left out.
  Result<PackedPieces> pack_some();
  bool is_done() const { return part_ == image_.parts().size(); }

 private:
  PackedImage(const Image& image, std::size_t piece_max, int file, ByteView mapped);

  Status pack(const ImagePart& part, std::size_t at, ByteView bytes, PackedPieces& pieces);

  const Image& image_;
  const std::size_t piece_max_;
  const int file_;  // an anonymous one: a disk that fails under a mapped file would kill us
  const ByteView mapped_;
  ByteVector room_;  // for a block
  std::size_t used_ = 0;
  std::size_t part_ = 0;  // what is packed so far
  std::size_t at_ = 0;
};

}  // namespace gangd
