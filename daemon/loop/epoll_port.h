// EpollPort: the machine. The only file pair with epoll, threads, the clocks and the kernel's
// random numbers in it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/linked_list.h"
#include "base/result.h"
#include "loop/async_log.h"
#include "loop/port.h"

namespace gangd {

class EpollPort final : public Port {
 public:
  // A file descriptor that the loop watches. Readiness arrives as an event: on_loop() reads
  // ready(), a mask of EPOLLIN, EPOLLOUT ...
  class Watch : public Event {
   public:
    std::uint32_t ready() const { return ready_; }

   private:
    friend class EpollPort;
    std::uint32_t ready_ = 0;
    int fd_ = -1;
  };

  // Looks for events at most once in so long, or when a timer is due: those that come meanwhile are
  // handled together, and cost less. 0, as in the beginning: at once.
  void gather(Duration pause) { gather_ = pause; }

  // kIo when the kernel gives no more descriptors.
  static Result<std::unique_ptr<EpollPort>> open(AsyncLog& log);
  ~EpollPort() override;

  Instant now() override;
  UtcTime utc_now() override;
  std::uint64_t random() override;
  bool wait(Instant deadline) override;
  Event* next_event() override;
  void post(Event& event) override;
  void withdraw(Event& event) override;
  std::unique_ptr<Workers> start_workers(std::string name, int threads) override;
  void log(Severity severity, std::string_view line) override;

  // Watches `fd` until unwatch(); loop thread. Level-triggered: it arrives again while it is ready.
  Status watch(Watch& watch, int fd, std::uint32_t events);
  Status change(Watch& watch, std::uint32_t events);
  void unwatch(Watch& watch);

 private:
  EpollPort(AsyncLog& log, int epoll_fd, int wake_fd);

  void take_posted();
  void nap_until(Instant deadline);

  AsyncLog& log_;
  const int epoll_fd_;
  const int wake_fd_;
  // Loop thread only.
  LinkedList<Event> arrived_;
  Duration gather_{};
  Instant looked_{};

  std::mutex mutex_;  // guards what follows
  std::vector<Event*> posted_;
};

}  // namespace gangd
