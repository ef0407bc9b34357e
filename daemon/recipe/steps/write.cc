#include "image/image.h"
#include "loop/scope.h"
#include "loop/this_loop.h"
#include "recipe/packing.h"
#include "recipe/steps.h"

namespace gangd {
namespace {

// Without it the image is written as it is: slower, and just as right.
Task<> pack(Unit& unit) {
  const Status status = co_await unit.packing.run(unit.wire->packed_max());
  if (status || status.failed_with(Code::kCancelled)) co_return;
  Loop& loop = co_await ThisLoop();
  loop.log(Severity::kWarning, "{}", status.error().message());
}

Task<Status> write(Unit& unit, Progress progress) {
  for (const WorkPlan::Piece& piece : unit.plan.write) {
    CO_TRY_STATUS(co_await unit.wire->write(piece.address, piece.bytes, progress));
  }
  co_return Status();
}

}  // namespace

Task<Status> WriteStep::run(Unit& unit) const {
  const Progress progress = unit.progress_of(verb(), unit.plan.bytes_to_write());
  unit.wire->know(unit.image.sums());
  Scope packing(co_await ThisLoop(), "packing");
  if (unit.wire->packed_max() > 0 && !unit.plan.write.empty()) {
    unit.wire->offer(unit.packing.pieces(), unit.packing.is_faster_for(unit.wire->kind()));
    packing.spawn("pack", pack(unit));
  }
  Status status = co_await write(unit, progress);
  unit.bytes_written = unit.step_done;
  packing.cancel();
  co_await packing.join();
  co_return status;
}

}  // namespace gangd
