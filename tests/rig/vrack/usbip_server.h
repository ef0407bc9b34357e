// UsbipServer: what vrack does for those who connect to its socket (protocol.h).
#pragma once

#include <memory>
#include <string>

#include "loop/epoll_port.h"
#include "loop/scope.h"
#include "tests/rig/vrack/memory_account.h"
#include "tests/rig/vrack/rack.h"
#include "tests/rig/vrack/socket_listener.h"
#include "tests/rig/vrack/socket_stream.h"

namespace gangd::rig {

class UsbipServer {
 public:
  // All must outlive it.
  UsbipServer(EpollPort& port, Rack& rack, MemoryAccount& memory, SocketListener& listener)
      : port_(port), rack_(rack), memory_(memory), listener_(listener) {}

  // Until it is cancelled. Then every connection has ended.
  Task<void> run(Loop& loop);

 private:
  Task<void> serve(int fd);
  Task<Status> begin(SocketStream& stream);
  void list_devices(SocketStream& stream) const;
  Task<Status> import(SocketStream& stream);
  Task<Status> open(SocketStream& stream);
  Task<void> serve_file(Rack::Place& place, SocketStream& stream, int pipe, SocketStream& calls,
                        std::uint32_t slot);

  EpollPort& port_;
  Rack& rack_;
  MemoryAccount& memory_;
  SocketListener& listener_;
};

}  // namespace gangd::rig
