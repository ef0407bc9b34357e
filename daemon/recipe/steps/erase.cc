#include "recipe/steps.h"

namespace gangd {

// Before anything is written: two parts may share a page.
Task<Status> EraseStep::run(Unit& unit) const {
  const Progress progress = unit.progress_of(verb(), unit.plan.bytes_to_erase());
  for (const WorkPlan::Range& range : unit.plan.erase) {
    CO_TRY_STATUS(co_await unit.wire->erase(range.address, range.size, unit.erase, progress));
  }
  co_return Status();
}

}  // namespace gangd
