// Signal: lets any number of tasks wait until something has changed. What changed, they look up.
#pragma once

#include <utility>
#include <vector>

#include "base/check.h"
#include "loop/context.h"

namespace gangd {

// Loop thread only. Remembers nothing: who waits after a notify() waits for the next one, so look
// first, then wait; between the two nothing else runs.
class Signal {
 public:
  class Wait;

  Signal() = default;
  ~Signal() { CHECK(waiting_.empty(), "a signal was destroyed with tasks waiting for it"); }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  // Ends every wait that has begun.
  void notify();
  // co_await signal.wait(): success after a notify(), or kCancelled.
  [[nodiscard]] Wait wait();

 private:
  std::vector<Wait*> waiting_;  // in the order in which they came
};

class Signal::Wait : public Leaf {
 public:
  explicit Wait(Signal& signal) : signal_(signal) {}

  Status await_resume() const {
    if (refused() || aborted_) return cancelled();
    return {};
  }

 private:
  friend class Signal;

  bool start() override {
    signal_.waiting_.push_back(this);
    return true;
  }
  void abort() override {
    std::erase(signal_.waiting_, this);
    aborted_ = true;
    resolve();
  }
  void notified() { resolve(); }

  Signal& signal_;
  bool aborted_ = false;
};

inline void Signal::notify() {
  for (Wait* wait : std::exchange(waiting_, {})) wait->notified();
}

inline Signal::Wait Signal::wait() {
  return Wait(*this);
}

}  // namespace gangd
