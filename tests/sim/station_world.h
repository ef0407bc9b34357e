#pragma once

#include "tests/sim/world.h"

namespace gangd::sim {

// A station through a bad day: boards are pulled and hang, chips fail and lie, power fails, clamps
// jam, the MES refuses, the disk is slow and full, jobs are stopped, and gangd is killed. Then all
// that ends, and every board must pass.
Task<> run_station(World& world);
// The same with boards that start in their ROM.
Task<> run_staged(World& world);

}  // namespace gangd::sim
