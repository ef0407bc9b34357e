#include "recipe/steps.h"

namespace gangd {

Task<Status> WriteStep::run(Unit& unit) const {
  const Progress progress = unit.progress_of(verb(), unit.plan.bytes_to_write());
  Status written;
  for (const WorkPlan::Piece& piece : unit.plan.write) {
    written = co_await unit.wire->write(piece.address, piece.bytes, progress);
    if (!written) break;
  }
  unit.bytes_written = unit.step_done;
  co_return written;
}

}  // namespace gangd
