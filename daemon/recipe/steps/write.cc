#include "recipe/steps.h"

namespace gangd {

Task<Status> WriteStep::run(Unit& unit) const {
  const Progress progress = unit.progress_of(verb(), unit.bytes());
  for (const UnitPart& part : unit.parts) {
    CO_TRY_STATUS((co_await unit.wire->write(part.extent.address, part.bytes, progress))
                      .with_context(part.extent.name));
  }
  co_return Status();
}

}  // namespace gangd
