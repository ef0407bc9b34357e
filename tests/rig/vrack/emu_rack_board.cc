#include "tests/rig/vrack/emu_rack_board.h"

#include <fmt/core.h>

#include <cstdio>
#include <utility>

#include "tests/rig/vrack/emu_commands.h"

namespace gangd::rig {

Result<std::unique_ptr<EmuRackBoard>> EmuRackBoard::make(emu::EmuBoard::Options options,
                                                         Host& host) {
  TRY(auto made, emu::EmuBoard::make(std::move(options)));
  return std::make_unique<EmuRackBoard>(std::shared_ptr(std::move(made)), host);
}

EmuRackBoard::EmuRackBoard(std::shared_ptr<emu::EmuBoard> board, Host& host)
    : ModelRackBoard(std::move(board), host) {
  this->board().on_violation = [](const std::string& violation) {
    fmt::print(stderr, "vrack: violation: {}", violation);
  };
}

Result<std::string> EmuRackBoard::chip_command(const std::vector<std::string>& words, BoardTime) {
  return run_emu_command(board(), words);
}

}  // namespace gangd::rig
