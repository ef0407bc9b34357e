// Task<T>: a coroutine of the loop. Lazy: it runs when it is awaited, or spawned in a Scope, or
// given to Loop::run(). Whoever started it waits for its end; a frame that has begun is never
// destroyed before it has returned.
//
// Parameters of a coroutine are values, or references to what outlives the task. After a co_await
// other code has run: look things up again.
#pragma once

#include <concepts>
#include <coroutine>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "loop/context.h"
#include "loop/loop.h"

namespace gangd {

// Who started a task that no other task awaits.
class TaskOwner {
 public:
  virtual std::string_view task_name(const TaskFrame& task) const = 0;
  // It has returned. Its frame may be destroyed here.
  virtual void task_finished(TaskFrame& task) = 0;

 protected:
  ~TaskOwner() = default;
};

// The part of a task that does not depend on what it returns.
class TaskFrame {
 public:
  TaskFrame(const TaskFrame&) = delete;
  TaskFrame& operator=(const TaskFrame&) = delete;

  // Starts the task in `context`. Exactly one of `caller` and `owner` is told when it has ended.
  void start(Context& context, TaskFrame* caller, TaskOwner* owner);

  Context& context() const { return *context_; }
  const TaskFrame* caller() const { return caller_; }
  const TaskFrame* callee() const { return callee_; }
  const TaskOwner* owner() const { return owner_; }
  // The co_await that it is suspended at, or the one it passed last.
  const std::source_location& where() const { return where_; }
  bool started() const { return context_ != nullptr; }

  // What a coroutine asks of its promise.
  std::suspend_always initial_suspend() const noexcept { return {}; }
  auto final_suspend() noexcept { return FinalSuspend{}; }
  void unhandled_exception() noexcept { CHECK(false, "an exception left a task"); }

 protected:
  TaskFrame(std::coroutine_handle<> handle, std::source_location where)
      : handle_(handle), where_(where) {}
  ~TaskFrame() = default;

  void note_await(std::source_location where) { where_ = where; }

 private:
  friend class Loop;

  struct FinalSuspend {
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> task) const noexcept {
      task.promise().ended();
    }
    void await_resume() const noexcept {}
  };

  void ended() noexcept;

  std::coroutine_handle<> handle_;
  Context* context_ = nullptr;
  TaskFrame* caller_ = nullptr;
  TaskFrame* callee_ = nullptr;
  TaskOwner* owner_ = nullptr;
  TaskFrame* next_ready_ = nullptr;
  std::source_location where_;
};

// `daemon/station/slot.cc:120 in ...`, a line for each task from the one that was spawned down to
// the one that waits for the outside.
std::string await_chain(const TaskFrame& any_of_them);

template <class T>
class Promise;

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = Promise<T>;
  using value_type = T;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (!handle_) return;
    CHECK(!promise().started() || handle_.done(), "a task was destroyed while it was waiting");
    handle_.destroy();
  }

  Promise<T>& promise() const { return handle_.promise(); }
  // What it returned; it has ended.
  T take() { return handle_.promise().take(); }

 private:
  friend class Promise<T>;
  explicit Task(std::coroutine_handle<Promise<T>> handle) : handle_(handle) {}

  std::coroutine_handle<Promise<T>> handle_;
};

// co_await of a Task: runs it in the caller's context.
template <class T>
class TaskCall : public Awaitable {
 public:
  explicit TaskCall(Task<T> task) : task_(std::move(task)) {}

  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    task_.promise().start(caller.promise().context(), &caller.promise(), nullptr);
  }
  T await_resume() { return task_.take(); }

 private:
  Task<T> task_;
};

// What co_await accepts in a task.
class PromiseAwaits : public TaskFrame {
 public:
  using TaskFrame::TaskFrame;

  template <class A>
    requires std::derived_from<std::remove_cvref_t<A>, Awaitable>
  A&& await_transform(A&& awaitable, std::source_location where = std::source_location::current()) {
    note_await(where);
    return std::forward<A>(awaitable);
  }
  template <class U>
  TaskCall<U> await_transform(Task<U> task,
                              std::source_location where = std::source_location::current()) {
    note_await(where);
    return TaskCall<U>(std::move(task));
  }
};

template <class T>
class Promise : public PromiseAwaits {
 public:
  explicit Promise(std::source_location where = std::source_location::current())
      : PromiseAwaits(std::coroutine_handle<Promise>::from_promise(*this), where) {}

  Task<T> get_return_object() {
    return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
  }
  template <class U = T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() { return *std::move(value_); }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseAwaits {
 public:
  explicit Promise(std::source_location where = std::source_location::current())
      : PromiseAwaits(std::coroutine_handle<Promise>::from_promise(*this), where) {}

  Task<void> get_return_object() {
    return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
  }
  void return_void() {}
  void take() {}
};

// Runs `task` and everything that is spawned meanwhile, until `task` has returned. What is spawned
// in scopes of longer life goes on at the next run().
template <class T>
T Loop::run(Task<T> task) {
  run_until_ended(task.promise());
  return task.take();
}

}  // namespace gangd
