// VirtualRackBoard: the firmware that ships, on chip models (tests/model/virtual_board.h), as a
// board of the rack.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/model/virtual_board.h"
#include "tests/rig/vrack/model_rack_board.h"

namespace gangd::rig {

class VirtualRackBoard final : public ModelRackBoard<model::VirtualBoard> {
 public:
  // A board that starts in its ROM.
  struct Rom {
    model::BootStages::Options stages;
    bool high_speed = true;  // of what is loaded into its RAM
  };

  // Board `index` of the rack: its unique id and its seed follow from that.
  VirtualRackBoard(const std::string& part, std::size_t index, const std::optional<Rom>& rom,
                   Host& host);
  VirtualRackBoard(VirtualRackBoard& first, Host& host) : ModelRackBoard(first, host) {}

  Result<std::string> chip_command(const std::vector<std::string>& words, BoardTime now) override;
};

}  // namespace gangd::rig
