#include "recipe/steps.h"

namespace gangd {

Task<Status> WriteStep::run(Unit& unit) const {
  const Progress progress = unit.progress_of(verb(), unit.plan.bytes_to_write());
  for (const WorkPlan::Piece& piece : unit.plan.write) {
    CO_TRY_STATUS(co_await unit.wire->write(piece.address, piece.bytes, progress));
  }
  co_return Status();
}

}  // namespace gangd
