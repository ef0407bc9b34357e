#pragma once

#include "tests/sim/world.h"

namespace gangd::sim {

// Boards that are not yet boards: each slot is plugged, programmed in a few steps and recorded,
// under unplugging, stalls, a failing disk and an operator who stops. It has the shape of the
// station to come, so it tries the loop the way the daemon will use it; it goes when boards exist.
Task<> run_toy_gang(World& world);

}  // namespace gangd::sim
