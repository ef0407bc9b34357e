// The peripherals of a chip.
#pragma once

#include <vector>

#include "tests/emu/mapped.h"
#include "tests/emu/parts/outside.h"
#include "tests/emu/peripheral.h"

namespace gangd::emu {

// Of each chip of the family: H7R has HASH as well, by its CMSIS header and SVD. In the order in
// which they are to be reset. Each needs the others, so they live and go together; both arguments
// outlive them.
std::vector<Mapped> make_parts(Chip& chip, Outside& outside);

}  // namespace gangd::emu
