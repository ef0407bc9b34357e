// RackBoard: a board as vrack sees it, from its USB connector. Three kinds: VirtualRackBoard, which
// is the firmware that ships on chip models, EmuRackBoard, which runs real ARM images, and
// EchoBoard, whose behaviour a test of the rig foresees.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace gangd::rig {

// Time of the boards: begins at 0 and runs `--speed` times as fast as the machine's.
using BoardTime = std::chrono::nanoseconds;

class RackBoard {
 public:
  enum class Outcome { kDone, kStalled, kUnplugged, kCancelled, kOverflow };

  // One USB transfer. Whoever submits it owns it and keeps it until it is completed.
  struct Transfer {
    std::uint8_t endpoint = 0;            // address; bit 7 for IN; 0 for control
    std::array<std::uint8_t, 8> setup{};  // control only
    std::vector<std::uint8_t> data;       // OUT: what is sent; IN: sized to what may come
    Outcome outcome = Outcome::kDone;
    std::uint32_t actual = 0;

    bool is_in() const { return ((endpoint == 0 ? setup[0] : endpoint) & 0x80) != 0; }
  };

  // Who is told; called from within the functions of the board.
  class Host {
   public:
    virtual void completed(Transfer& transfer) = 0;
    virtual void attached_changed() = 0;

   protected:
    ~Host() = default;
  };

  virtual ~RackBoard() = default;

  virtual void plug(BoardTime now) = 0;
  // All transfers end with kUnplugged.
  virtual void unplug(BoardTime now) = 0;
  virtual bool attached() const = 0;
  virtual bool high_speed() const = 0;
  // The connector of a board that is seen at another one when it gets power.
  virtual bool is_second_connector() const { return false; }

  virtual void submit(Transfer& transfer, BoardTime now) = 0;
  virtual void cancel(Transfer& transfer, BoardTime now) = 0;
  virtual void bus_reset(BoardTime now) = 0;
  // Runs it up to `now`. Returns when it next wants to; BoardTime::max(): when something happens.
  virtual BoardTime advance(BoardTime now) = 0;

  // A command of the control socket for the chip of this board; `words` without the port. Gives
  // what is to be answered.
  virtual Result<std::string> chip_command(const std::vector<std::string>& words,
                                           BoardTime now) = 0;
};

// Makes the board for the place with this index, counted from 0.
using BoardFactory =
    std::function<std::unique_ptr<RackBoard>(std::size_t index, RackBoard::Host& host)>;

}  // namespace gangd::rig
