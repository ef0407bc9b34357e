#include "image/packed_image.h"

#include <lz4hc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/page_run.h"

namespace gangd {
namespace {

constexpr std::size_t kPackAtOnce = std::size_t{1} << 20;
// The slow search for the shortest block costs the boards nothing: unpacking takes no longer.
constexpr int kLevel = LZ4HC_CLEVEL_DEFAULT;

// What saves less than this part of a piece is not worth unpacking.
constexpr std::size_t kSavedPart = 32;

Error no_memory() {
  return {Code::kExhausted, "no memory for the packed image: {}", std::strerror(errno)};
}

}  // namespace

Result<std::unique_ptr<PackedImage>> PackedImage::make(const Image& image, std::size_t piece_max,
                                                       std::size_t bytes_max) {
  CHECK(piece_max >= 256 && (piece_max & (piece_max - 1)) == 0);
  const int file = memfd_create("gangd-packed-image", MFD_CLOEXEC);
  if (file < 0) return no_memory();
  // Only what is written to the file takes memory.
  void* const mapped = ftruncate(file, static_cast<off_t>(bytes_max)) == 0
                           ? mmap(nullptr, bytes_max, PROT_READ, MAP_SHARED, file, 0)
                           : MAP_FAILED;
  if (mapped == MAP_FAILED) {
    Error error = no_memory();
    close(file);
    return error;
  }
  return std::unique_ptr<PackedImage>(new PackedImage(
      image, piece_max, file, {static_cast<const std::uint8_t*>(mapped), bytes_max}));
}

PackedImage::PackedImage(const Image& image, std::size_t piece_max, int file, ByteView mapped)
    : image_(image), piece_max_(piece_max), file_(file), mapped_(mapped), room_(piece_max) {}

PackedImage::~PackedImage() {
  munmap(const_cast<std::uint8_t*>(mapped_.data()), mapped_.size());
  close(file_);
}

Result<PackedPieces> PackedImage::pack_some() {
  PackedPieces pieces;
  std::size_t looked = 0;
  if (mapped_.size() - used_ < piece_max_) part_ = image_.parts().size();
  while (!is_done() && looked < kPackAtOnce) {
    const ImagePart& part = image_.parts()[part_];
    const PageRun run = next_run(part.address, part.bytes, at_, piece_max_);
    looked += run.at + run.size - at_;
    at_ = run.at + run.size;
    if (run.size > 0) {
      TRY_STATUS(pack(part, run.at, ByteView(part.bytes).subspan(run.at, run.size), pieces));
    }
    if (at_ == part.bytes.size()) {
      ++part_;
      at_ = 0;
    }
  }
  return pieces;
}

Status PackedImage::pack(const ImagePart& part, std::size_t at, ByteView bytes,
                         PackedPieces& pieces) {
  const std::size_t most = bytes.size() - bytes.size() / kSavedPart - 1;
  if (mapped_.size() - used_ < most) return {};
  const int size = LZ4_compress_HC(reinterpret_cast<const char*>(bytes.data()),
                                   reinterpret_cast<char*>(room_.data()),
                                   static_cast<int>(bytes.size()), static_cast<int>(most), kLevel);
  if (size <= 0) return {};
  std::size_t done = 0;
  while (done < static_cast<std::size_t>(size)) {
    const ssize_t some = pwrite(file_, room_.data() + done, static_cast<std::size_t>(size) - done,
                                static_cast<off_t>(used_ + done));
    if (some < 0 && errno == EINTR) continue;
    if (some <= 0) return no_memory();
    done += static_cast<std::size_t>(some);
  }
  pieces.push_back({static_cast<std::uint32_t>(part.address + at),
                    static_cast<std::uint32_t>(bytes.size()), mapped_.subspan(used_, done)});
  used_ += done;
  return {};
}

}  // namespace gangd
