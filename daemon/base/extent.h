// A stretch of a board's memory, and the hash of what is, or should be, in it.
#pragma once

#include <cstdint>
#include <string>

#include "base/sha256.h"

namespace gangd {

struct Extent {
  std::string name;  // of the image file, or of the unit's field: `app.bin`, `serial`
  std::uint32_t address = 0;
  std::uint64_t size = 0;
  Sha256Digest digest;

  bool operator==(const Extent&) const = default;
};

}  // namespace gangd
