// A person of quality who takes boards through the procedure that qualifies their kind.
#pragma once

#include "base/result.h"
#include "loop/task.h"
#include "station/qualification.h"
#include "tests/sim/factory.h"
#include "tests/sim/world.h"

namespace gangd::sim {

class QualityPerson {
 public:
  // Both outlive it.
  QualityPerson(World& world, Factory& factory) : world_(world), factory_(factory) {}

  // The next step of what was begun in this board's slot, or of another beginning; now and then
  // with a mistake, which must not be overlooked.
  Task<Result<QualificationView>> step(int board);

 private:
  Task<Result<QualificationView>> open(int board);
  Task<Result<QualificationView>> do_step(int board, QualificationView view);
  // What a debugger would read; and sometimes another board's.
  Task<Result<QualificationView>> give_dump(int board, QualificationView view);

  World& world_;
  Factory& factory_;
  int requests_ = 0;
};

}  // namespace gangd::sim
