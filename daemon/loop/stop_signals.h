// StopSignals: SIGTERM and SIGINT as something that a task can wait for.
#pragma once

#include <memory>

#include "base/result.h"
#include "loop/epoll_port.h"
#include "loop/task.h"

namespace gangd {

class StopSignals {
 public:
  // From here on the two do not end the process. Comes before the first thread is started: threads
  // inherit this, and any of them could be the one that a signal ends all in.
  static void block();
  // After block(). kIo when the kernel gives no descriptor.
  static Result<std::unique_ptr<StopSignals>> open(EpollPort& port);
  // The next one ends the process as usual: somebody is in a hurry.
  ~StopSignals();

  // Waits until one has come: success, or kCancelled.
  Task<Status> wait();

 private:
  class Arrival;
  explicit StopSignals(std::unique_ptr<Arrival> arrival);

  const std::unique_ptr<Arrival> arrival_;
};

}  // namespace gangd
