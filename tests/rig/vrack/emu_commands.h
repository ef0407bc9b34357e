// The commands of the control socket for a board that runs real images.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "tests/emu/emu_board.h"

namespace gangd::rig {

// `words`: the name of a command and its arguments; tests/rig/README.md lists them, and those of
// the flash chip. Gives what is to be answered.
Result<std::string> run_emu_command(emu::EmuBoard& board, const std::vector<std::string>& words);

}  // namespace gangd::rig
