// EmuRackBoard: a board that runs real ARM images (tests/emu/emu_board.h), as a board of the rack.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/emu/emu_board.h"
#include "tests/rig/vrack/model_rack_board.h"

namespace gangd::rig {

class EmuRackBoard final : public ModelRackBoard<emu::EmuBoard> {
 public:
  // kUnsupported: this machine cannot emulate it.
  static Result<std::unique_ptr<EmuRackBoard>> make(emu::EmuBoard::Options options, Host& host);
  EmuRackBoard(std::shared_ptr<emu::EmuBoard> board, Host& host);  // use make()
  EmuRackBoard(EmuRackBoard& first, Host& host) : ModelRackBoard(first, host) {}

  Result<std::string> chip_command(const std::vector<std::string>& words, BoardTime now) override;
};

}  // namespace gangd::rig
