#include "recipe/steps.h"

namespace gangd {

// Before anything is written: two parts may share a page.
Task<Status> EraseStep::run(Unit& unit) const {
  const Progress progress = unit.progress_of(verb(), unit.bytes());
  for (const UnitPart& part : unit.parts) {
    CO_TRY_STATUS(
        (co_await unit.wire->erase(part.extent.address, part.extent.size, unit.erase, progress))
            .with_context(part.extent.name));
  }
  co_return Status();
}

}  // namespace gangd
