// Waiting for time to pass.
#pragma once

#include "loop/context.h"
#include "loop/loop.h"
#include "loop/timers.h"

namespace gangd {

// co_await sleep_for(50ms), from the loop's now() on: kCancelled, or success when the time is over.
class Sleep : public Leaf, private Timer {
 public:
  explicit Sleep(Duration duration) : duration_(duration) {}

  Status await_resume() const {
    if (refused() || aborted_) return cancelled();
    return {};
  }

 private:
  bool start() override {
    loop().timers().arm(*this, loop().now() + duration_);
    return true;
  }
  void abort() override {
    loop().timers().disarm(*this);
    aborted_ = true;
    resolve();
  }
  void on_time() override { resolve(); }

  const Duration duration_;
  bool aborted_ = false;
};

[[nodiscard]] inline Sleep sleep_for(Duration duration) {
  return Sleep(duration);
}

// co_await yield(): lets everything run that is ready now. For work that would keep the loop.
class Yield : public Awaitable {
 public:
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> task) {
    task.promise().context().loop().make_ready(task.promise());
  }
  void await_resume() const noexcept {}
};

[[nodiscard]] inline Yield yield() {
  return Yield();
}

}  // namespace gangd
