// SocketListener: a unix socket at a path, on the loop.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "loop/epoll_port.h"
#include "loop/task.h"

namespace gangd::rig {

class SocketListener final : private EpollPort::Watch {
 public:
  // The path must be free; it is removed when the listener is destroyed.
  static Result<std::unique_ptr<SocketListener>> open(EpollPort& port, std::string path);
  ~SocketListener() override;

  // The next connection: a descriptor, the caller's. kCancelled.
  Task<Result<int>> accept();

 private:
  class Arrival;

  SocketListener(EpollPort& port, int fd, std::string path)
      : port_(port), fd_(fd), path_(std::move(path)) {}
  void on_loop() override;
  std::string_view event_name() const override { return "listener"; }

  EpollPort& port_;
  const int fd_;
  const std::string path_;
  Arrival* waiting_ = nullptr;
};

}  // namespace gangd::rig
