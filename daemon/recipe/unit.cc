#include "recipe/step.h"

namespace gangd {

std::uint64_t Unit::bytes() const {
  std::uint64_t sum = 0;
  for (const UnitPart& part : parts) sum += part.extent.size;
  return sum;
}

Progress Unit::progress_of(std::string_view step, std::uint64_t total) {
  record.progress(step, 0, total);
  return [this, step, total, done = std::uint64_t{0}](std::uint64_t bytes) mutable {
    done += bytes;
    record.progress(step, done, total);
  };
}

}  // namespace gangd
