// The commands of the control socket that look at the flash chip of a board or break it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "tests/model/nor_chip.h"
#include "tests/model/virtual_board.h"

namespace gangd::rig {

// `words`: the name of a command and its arguments; tests/rig/README.md lists them. Gives what is
// to be answered, often nothing. kInvalid for wrong arguments.
Result<std::string> run_chip_command(model::NorChip& chip, const std::vector<std::string>& words);

// The same for what a board that starts in its ROM has beside that chip.
bool is_stage_command(const std::vector<std::string>& words);
Result<std::string> run_stage_command(model::VirtualBoard& board,
                                      const std::vector<std::string>& words);

}  // namespace gangd::rig
