#include "tests/rig/vrack/socket_listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace gangd::rig {

class SocketListener::Arrival : public Leaf {
 public:
  explicit Arrival(SocketListener& listener) : listener_(listener) {}

  Status await_resume() {
    if (refused() || aborted_) return cancelled();
    return std::move(status_);
  }
  void end() {
    listener_.waiting_ = nullptr;
    listener_.port_.unwatch(listener_);
    resolve();
  }

 private:
  bool start() override {
    status_ = listener_.port_.watch(listener_, listener_.fd_, EPOLLIN);
    if (!status_) return false;
    listener_.waiting_ = this;
    return true;
  }
  void abort() override {
    aborted_ = true;
    end();
  }

  SocketListener& listener_;
  Status status_;
  bool aborted_ = false;
};

Result<std::unique_ptr<SocketListener>> SocketListener::open(EpollPort& port, std::string path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error(Code::kInvalid, "{}: longer than the name of a socket may be", path);
  }
  path.copy(address.sun_path, path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Error(Code::kIo, "socket: {}", std::strerror(errno));
  // 1024 programs may come at the same moment.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 1024) != 0) {
    Error error(Code::kIo, "{}: {}", path, std::strerror(errno));
    close(fd);
    return error;
  }
  return std::unique_ptr<SocketListener>(new SocketListener(port, fd, std::move(path)));
}

SocketListener::~SocketListener() {
  close(fd_);
  ::unlink(path_.c_str());
}

void SocketListener::on_loop() {
  waiting_->end();
}

Task<Result<int>> SocketListener::accept() {
  for (;;) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) co_return fd;
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      co_return Error(Code::kIo, "accept: {}", std::strerror(errno));
    }
    CO_TRY_STATUS(co_await Arrival(*this));
  }
}

}  // namespace gangd::rig
