#include "loop/stop_signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "loop/signal.h"

namespace gangd {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

class StopSignals::Arrival final : public EpollPort::Watch {
 public:
  Arrival(EpollPort& port, int fd) : port_(port), fd_(fd) {}
  ~Arrival() override {
    port_.unwatch(*this);
    close(fd_);
    const sigset_t set = stop_signals();
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
  }

  void on_loop() override {
    signalfd_siginfo signal;
    while (read(fd_, &signal, sizeof signal) > 0) has_come = true;
    came.notify();
  }
  std::string_view event_name() const override { return "stop signal"; }

  bool has_come = false;
  Signal came;

 private:
  EpollPort& port_;
  const int fd_;
};

StopSignals::StopSignals(std::unique_ptr<Arrival> arrival) : arrival_(std::move(arrival)) {}

StopSignals::~StopSignals() = default;

void StopSignals::block() {
  const sigset_t set = stop_signals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

Result<std::unique_ptr<StopSignals>> StopSignals::open(EpollPort& port) {
  const sigset_t set = stop_signals();
  const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return Error(Code::kIo, "signalfd: {}", std::strerror(errno));
  auto arrival = std::make_unique<Arrival>(port, fd);
  TRY_STATUS(port.watch(*arrival, fd, POLLIN));
  return std::unique_ptr<StopSignals>(new StopSignals(std::move(arrival)));
}

Task<Status> StopSignals::wait() {
  while (!arrival_->has_come) CO_TRY_STATUS(co_await arrival_->came.wait());
  co_return Status();
}

}  // namespace gangd
