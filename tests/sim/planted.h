// Planted faults: worlds that each do one thing that must never go unnoticed. They prove that the
// harness notices it.
#pragma once

#include "tests/sim/world.h"

namespace gangd::sim {

// Starts tasks in the order of their addresses, so the trace follows the heap and not the seed.
Task<> run_planted_order(World& world);

// Breaks a promise on seed 3.
Task<> run_planted_promise(World& world);

// Runs into a CHECK on seed 3.
Task<> run_planted_abort(World& world);

}  // namespace gangd::sim
