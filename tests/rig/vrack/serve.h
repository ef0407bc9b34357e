// The rack's whole service: boards behind a USB/IP socket, and the socket for commands.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/result.h"
#include "tests/rig/vrack/rack_board.h"

namespace gangd::rig {

struct Service {
  std::string socket;
  std::string control;
  std::string topology;  // as make_topology() takes it
  std::size_t boards = 0;
  double speed = 1;  // of the boards' time
  bool unplugged = false;
  bool sysfs = false;
  // Called before the first board gets power; `end`, called from within a board, ends the service.
  std::function<void(std::function<void()> end)> lend_end = {};
};

// Until standard input ends, `quit` comes on the control socket, or a board ends it. Prints `ready`
// when all boards are there. Gives the exit status.
Result<int> serve(const Service& service, const BoardFactory& make_board);

}  // namespace gangd::rig
