#include "loop/systemd_supervisor.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace gangd {

Result<std::unique_ptr<Supervisor>> SystemdSupervisor::open(const std::string& address) {
  const bool is_name = address.starts_with('@');
  if (!is_name && !address.starts_with('/')) {
    return Error(Code::kInvalid, "NOTIFY_SOCKET is \"{}\": it must begin with / or @", address);
  }
  // A path ends with a zero, which must fit, too.
  if (address.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error(Code::kInvalid, "NOTIFY_SOCKET has {} characters: a socket's address has less",
                 address.size());
  }
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Error(Code::kIo, "socket: {}", std::strerror(errno));
  std::string path = address;
  if (is_name) path[0] = '\0';
  return std::unique_ptr<Supervisor>(new SystemdSupervisor(fd, std::move(path)));
}

SystemdSupervisor::~SystemdSupervisor() {
  close(fd_);
}

void SystemdSupervisor::tell(std::string_view lines) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  // An abstract name is as long as the address says; a path ends with the zero after it.
  const bool is_name = address_[0] == '\0';
  const std::size_t size = offsetof(sockaddr_un, sun_path) + address_.size() + (is_name ? 0U : 1U);
  (void)sendto(fd_, lines.data(), lines.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&to),
               static_cast<socklen_t>(size));
}

Result<Supervision> find_supervision(char* (*environment)(const char* name)) {
  const auto value = [&](const char* name) {
    const char* text = environment(name);
    return std::string_view(text == nullptr ? "" : text);
  };
  Supervision found{std::make_unique<NoSupervisor>(), {}};
  if (value("NOTIFY_SOCKET").empty()) return found;
  TRY(found.supervisor, SystemdSupervisor::open(std::string(value("NOTIFY_SOCKET"))));
  const std::string_view text = value("WATCHDOG_USEC");
  const std::string_view pid = value("WATCHDOG_PID");
  // Meant for the process that has this one as its child.
  const bool is_ours = pid.empty() || pid == std::to_string(getpid());
  if (text.empty() || !is_ours) return found;
  std::int64_t us = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), us);
  const bool is_time = end.ec == std::errc() && end.ptr == text.data() + text.size() && us > 0;
  if (!is_time || us > std::chrono::microseconds(std::chrono::hours(24)).count()) {
    return Error(Code::kInvalid, "WATCHDOG_USEC is \"{}\": it must be microseconds of up to a day",
                 text);
  }
  found.patience = std::chrono::microseconds(us);
  return found;
}

}  // namespace gangd
