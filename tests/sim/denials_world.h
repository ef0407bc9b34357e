#pragma once

#include "tests/sim/world.h"

namespace gangd::sim {

// Days on which people are refused, one by one and by the hundred, while the disk is slow and
// fails. Then they stop, and every refusal must be on record, in few records.
Task<> run_denials(World& world);

}  // namespace gangd::sim
