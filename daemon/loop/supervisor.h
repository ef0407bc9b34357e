// Supervisor: who has started gangd, and starts it again when it does not live. On a station that
// is systemd; by hand it is nobody.
#pragma once

#include <string_view>

namespace gangd {

class Supervisor {
 public:
  virtual ~Supervisor() = default;

  // Lines of sd_notify(3)'s protocol, such as `READY=1`. Never blocks; a supervisor that does not
  // hear is nothing that gangd could mend. Loop thread.
  virtual void tell(std::string_view lines) = 0;
};

class NoSupervisor final : public Supervisor {
 public:
  void tell(std::string_view /*lines*/) override {}
};

}  // namespace gangd
