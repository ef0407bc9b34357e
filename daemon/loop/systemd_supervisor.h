// SystemdSupervisor: systemd as it is told of a service: datagrams to the socket that it has named.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "loop/clock.h"
#include "loop/supervisor.h"

namespace gangd {

class SystemdSupervisor final : public Supervisor {
 public:
  // `address` is what NOTIFY_SOCKET holds: a path, or an abstract name after `@`.
  static Result<std::unique_ptr<Supervisor>> open(const std::string& address);
  ~SystemdSupervisor() override;

  void tell(std::string_view lines) override;

 private:
  SystemdSupervisor(int fd, std::string address) : fd_(fd), address_(std::move(address)) {}

  const int fd_;
  const std::string address_;  // as sun_path has it
};

struct Supervision {
  std::unique_ptr<Supervisor> supervisor;
  Duration patience{};  // it restarts who is silent for longer; zero: it does not
};

// Who has started us, as the environment says. kInvalid: it says nonsense.
Result<Supervision> find_supervision(char* (*environment)(const char* name));

}  // namespace gangd
