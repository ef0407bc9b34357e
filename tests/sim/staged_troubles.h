// What goes wrong with boards on their way out of the ROM.
#pragma once

#include <set>

#include "loop/scope.h"
#include "loop/task.h"
#include "tests/sim/factory.h"
#include "tests/sim/world.h"

namespace gangd::sim {

class StagedTroubles {
 public:
  // All outlive it; hands_ has the hands that come back later.
  StagedTroubles(World& world, Factory& factory, Scope& hands)
      : world_(world), factory_(factory), hands_(hands) {}

  // One of them, to this board.
  void make(int board);

 private:
  Task<> divert(int board);
  Task<> swap(int board, int other);

  World& world_;
  Factory& factory_;
  Scope& hands_;
  std::set<int> swapped_;
};

}  // namespace gangd::sim
