// The loop that a task runs on, for those who were not given it.
#pragma once

#include "loop/context.h"
#include "loop/loop.h"

namespace gangd {

// Loop& loop = co_await ThisLoop(); goes on at once.
class ThisLoop : public Awaitable {
 public:
  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> task) {
    loop_ = &task.promise().context().loop();
    return false;
  }
  Loop& await_resume() const noexcept { return *loop_; }

 private:
  Loop* loop_ = nullptr;
};

}  // namespace gangd
