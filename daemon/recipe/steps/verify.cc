#include "recipe/steps.h"

namespace gangd {

// Everything is measured even if a part is wrong: the record shall say which.
Task<Status> VerifyStep::run(Unit& unit) const {
  const Progress progress = unit.progress_of(verb(), unit.bytes());
  Status outcome;
  for (const UnitPart& part : unit.parts) {
    auto digest = co_await unit.wire->measure(part.extent.address, part.extent.size, progress);
    if (!digest) co_return std::move(digest).error().with_context(part.extent.name);
    Extent measured = part.extent;
    measured.digest = *digest;
    if (outcome && measured.digest != part.extent.digest) {
      outcome = Error(Code::kMismatch, "{}: the memory holds something else than was written",
                      part.extent.name);
    }
    unit.measured.push_back(std::move(measured));
  }
  co_return outcome;
}

}  // namespace gangd
