// Cancellation. A Context is a subtree of tasks that is cancelled as one; a Leaf is the one thing
// that a task is suspended on when it waits for the outside.
//
// Cancelling destroys nothing. Every leaf that is pending in the context, and every one awaited
// later, comes back with Code::kCancelled; the coroutines unwind as after any other error, and
// whoever joins them waits until they have. Clean-up that must wait runs in shielded().
#pragma once

#include <coroutine>

#include "base/linked_list.h"
#include "base/result.h"

namespace gangd {

class Context;
class Loop;
class TaskFrame;

// What co_await accepts in a Task: each of these resumes its task through the loop's ready queue.
// Resuming directly would grow the stack: symmetric transfer is no tail call under ASan.
class Awaitable {
 public:
  Awaitable() = default;
  Awaitable(const Awaitable&) = delete;
  Awaitable& operator=(const Awaitable&) = delete;
};

// Waits for one thing of the outside: a time, a message, a transfer. Lives in the awaiting
// coroutine's frame, awaited once. Derived classes add await_resume(), which gives a Result.
class Leaf : public Awaitable, public Link {
 public:
  virtual ~Leaf();

  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> task) {
    suspend(task.promise());
  }

 protected:
  // Begins to wait. False: the outcome is there already; the task goes on when its turn comes, so
  // that one with a full mailbox does not keep the others waiting.
  virtual bool start() = 0;
  // The context was cancelled: must lead to resolve(), now, or later if somebody else still holds
  // what the leaf lent out (a buffer in a transfer, a job that is running).
  virtual void abort() = 0;

  // The outcome is there. Called once after a start() that gave true.
  void resolve();

  // The context was cancelled before the leaf began, so start() was not called.
  bool refused() const { return refused_; }
  Loop& loop() const;

 private:
  friend class Context;
  void suspend(TaskFrame& task);

  TaskFrame* task_ = nullptr;
  bool refused_ = false;
};

// What a cancelled leaf returns.
Error cancelled();

class Context : public Link {
 public:
  enum class Shield {
    kNone,    // cancelled with its parent
    kParent,  // only by its own cancel(): for clean-up
  };

  Context(Loop& loop, Context* parent, Shield shield);
  // Everything in it must have ended.
  virtual ~Context();

  void cancel();
  bool is_cancelled() const { return cancelled_; }

  Loop& loop() const { return loop_; }
  const LinkedList<Context>& children() const { return children_; }

 protected:
  virtual void on_cancel() {}

 private:
  friend class Leaf;

  Loop& loop_;
  LinkedList<Context> children_;
  LinkedList<Leaf> leaves_;
  const Shield shield_;
  bool cancelled_ = false;
  int refusals_ = 0;
};

}  // namespace gangd
