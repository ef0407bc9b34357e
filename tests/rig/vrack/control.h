// Control: the socket through which tests act on the rack. A command is a line, and so is its
// answer, which comes when what was asked for has happened: `ok`, `ok VALUE` or `error SENTENCE`.
// tests/rig/README.md lists the commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "loop/epoll_port.h"
#include "loop/loop.h"
#include "loop/signal.h"
#include "loop/task.h"
#include "tests/rig/vrack/memory_account.h"
#include "tests/rig/vrack/rack.h"
#include "tests/rig/vrack/socket_listener.h"
#include "tests/rig/vrack/socket_stream.h"

namespace gangd::rig {

class Control {
 public:
  // All must outlive it.
  Control(EpollPort& port, Rack& rack, MemoryAccount& memory, SocketListener& listener)
      : port_(port), rack_(rack), memory_(memory), listener_(listener) {}

  // Until it is cancelled.
  Task<void> run(Loop& loop);
  // Until somebody sends `quit`, or kCancelled.
  Task<Status> wait_quit();

 private:
  using Words = std::vector<std::string>;

  Task<void> serve(int fd);
  Task<Result<std::string>> execute(std::string line);
  Task<Result<std::string>> execute_at(Rack::Place& place, Words words);
  Result<std::string> fault(Rack::Place& place, const Words& words);
  std::string list() const;

  EpollPort& port_;
  Rack& rack_;
  MemoryAccount& memory_;
  SocketListener& listener_;
  Signal quit_changed_;
  bool quit_ = false;
};

}  // namespace gangd::rig
