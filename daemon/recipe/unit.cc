#include "recipe/step.h"

namespace gangd {

std::uint64_t Unit::bytes() const {
  std::uint64_t sum = 0;
  for (const UnitPart& part : parts) sum += part.extent.size;
  return sum;
}

Progress Unit::progress_of(std::string_view step, std::uint64_t total) {
  step_done = 0;
  record.progress(step, 0, total);
  return [this, step, total](std::uint64_t bytes) {
    step_done += bytes;
    record.progress(step, step_done, total);
  };
}

}  // namespace gangd
