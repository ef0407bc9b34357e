// What is to be in every unit's memory: the bytes of firmware files, each at its address. Loaded
// once, and shared by all boards that it is written to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/extent.h"
#include "base/known_sums.h"
#include "base/result.h"

namespace gangd {

struct ImagePart {
  std::string name;  // of the file
  std::uint32_t address = 0;
  ByteVector bytes;
};

class Image {
 public:
  // kInvalid: a part is empty, runs past the end of the address space, or over another.
  static Result<Image> make(std::vector<ImagePart> parts);

  // In order of address.
  const std::vector<ImagePart>& parts() const { return parts_; }
  // The parts with their hashes.
  const std::vector<Extent>& extents() const { return extents_; }
  // The parts' block_digests().
  const std::vector<std::vector<std::uint32_t>>& digests() const { return digests_; }
  // Of the parts' bytes.
  const KnownSums& sums() const { return sums_; }

 private:
  Image() = default;

  std::vector<ImagePart> parts_;
  std::vector<Extent> extents_;
  std::vector<std::vector<std::uint32_t>> digests_;
  KnownSums sums_;
};

// Blocks: for a worker. kNotFound, kIo, or kInvalid if it has more than `bytes_max` bytes.
Result<ByteVector> read_file(const std::string& path, std::size_t bytes_max);

}  // namespace gangd
