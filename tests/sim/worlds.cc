#include "tests/sim/denials_world.h"
#include "tests/sim/planted.h"
#include "tests/sim/station_world.h"
#include "tests/sim/world.h"

namespace gangd::sim {

const std::vector<WorldKind>& world_kinds() {
  static const std::vector<WorldKind> kKinds = {
      {"station", run_station, true},
      {"staged", run_staged, true},
      {"denials", run_denials, true},
      {"planted-order", run_planted_order, false},
      {"planted-promise", run_planted_promise, false},
      {"planted-abort", run_planted_abort, false},
  };
  return kKinds;
}

}  // namespace gangd::sim
