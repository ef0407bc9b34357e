// VirtualRackBoard: the firmware that ships, on chip models (tests/model/virtual_board.h), as a
// board of the rack.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/model/virtual_board.h"
#include "tests/rig/vrack/rack_board.h"

namespace gangd::rig {

class VirtualRackBoard final : public RackBoard {
 public:
  // Board `index` of the rack: its unique id and its seed follow from that.
  VirtualRackBoard(const std::string& part, std::size_t index, Host& host);

  void plug(BoardTime now) override { board_.plug(now); }
  void unplug(BoardTime now) override { board_.unplug(now); }
  bool attached() const override { return board_.attached(); }
  bool high_speed() const override { return board_.high_speed(); }
  void submit(Transfer& transfer, BoardTime now) override;
  void cancel(Transfer& transfer, BoardTime now) override;
  void bus_reset(BoardTime now) override { board_.bus_reset(now); }
  BoardTime advance(BoardTime now) override { return board_.advance(now); }
  Result<std::string> chip_command(const std::vector<std::string>& words, BoardTime now) override;

 private:
  // The board's own kind of transfer, which stands for one of ours.
  struct Twin : model::VirtualBoard::Transfer {
    RackBoard::Transfer* ours = nullptr;
  };

  void completed(model::VirtualBoard::Transfer& transfer);

  Host& host_;
  // In flight. Keyed by endpoint: a port has one transfer at a time at each.
  std::map<std::uint8_t, std::unique_ptr<Twin>> twins_;
  model::VirtualBoard board_;
};

}  // namespace gangd::rig
