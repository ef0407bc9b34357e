#include "recipe/step.h"

namespace gangd {
namespace {

// Nobody sees more of them, and each goes to everyone who watches.
constexpr std::uint64_t kProgressParts = 256;

}  // namespace

std::uint64_t Unit::bytes() const {
  std::uint64_t sum = 0;
  for (const UnitPart& part : parts) sum += part.extent.size;
  return sum;
}

Progress Unit::progress_of(std::string_view step, std::uint64_t total) {
  step_done = step_told = 0;
  record.progress(step, 0, total);
  return [this, step, total](std::uint64_t bytes) {
    step_done += bytes;
    if (step_done < total && step_done - step_told < total / kProgressParts) return;
    step_told = step_done;
    record.progress(step, step_done, total);
  };
}

}  // namespace gangd
