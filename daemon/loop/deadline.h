// Bounds in time around a piece of work.
#pragma once

#include <concepts>
#include <coroutine>
#include <optional>
#include <utility>

#include "loop/context.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "loop/timers.h"

namespace gangd {

// Runs a task in a context of its own, which a timer cancels.
template <class T>
class Bounded : public Awaitable, private Timer {
 public:
  Bounded(Duration limit, Context::Shield shield, Task<Result<T>> task)
      : limit_(limit), shield_(shield), task_(std::move(task)) {}
  ~Bounded() override { CHECK(!armed()); }

  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    Context& outer = caller.promise().context();
    Loop& loop = outer.loop();
    context_.emplace(loop, &outer, shield_);
    loop.timers().arm(*this, loop.now() + limit_);
    task_.promise().start(*context_, &caller.promise(), nullptr);
  }
  Result<T> await_resume() {
    context_->loop().timers().disarm(*this);
    Result<T> result = task_.take();
    if (timed_out_ && result.failed_with(Code::kCancelled)) {
      return Error(Code::kTimeout, "no end within {} ms",
                   std::chrono::duration_cast<std::chrono::milliseconds>(limit_).count());
    }
    return result;
  }

 private:
  void on_time() override {
    // A cancellation that came from outside stays one.
    timed_out_ = !context_->is_cancelled();
    context_->cancel();
  }

  const Duration limit_;
  const Context::Shield shield_;
  std::optional<Context> context_;  // outlives the task in it
  Task<Result<T>> task_;
  bool timed_out_ = false;
};

// co_await with_timeout(5s, program(board)): what the task returns; kTimeout if the limit made it
// return kCancelled. Returns only when the task has: a transfer that was cancelled first gives its
// buffer back.
template <class T>
Bounded<T> with_timeout(Duration limit, Task<Result<T>> task) {
  return Bounded<T>(limit, Context::Shield::kNone, std::move(task));
}

// co_await shielded(2s, leave_dfu(board)): clean-up that may await although its caller was
// cancelled. Its own limit is what ends it.
template <class T>
Bounded<T> shielded(Duration limit, Task<Result<T>> task) {
  return Bounded<T>(limit, Context::Shield::kParent, std::move(task));
}

// A leaf as a task: with_timeout(5s, as_task([&] { return mailbox.pop(); })).
template <class MakeLeaf, class T = decltype(std::declval<MakeLeaf&>()().await_resume())>
Task<T> as_task(MakeLeaf make_leaf) {
  co_return co_await make_leaf();
}

}  // namespace gangd
