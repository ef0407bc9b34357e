// Scope: tasks that run side by side, and the place where they are joined. An object that works in
// the background has a Scope as a member; a function that needs several things at once has one as a
// local and joins it before it returns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/linked_list.h"
#include "loop/context.h"
#include "loop/task.h"
#include "loop/timers.h"

namespace gangd {

// How long cancelled tasks may take to return before the log names those that have not.
constexpr Duration kJoinGrace = std::chrono::seconds(30);

class Scope : public Context, private Timer {
 public:
  class Join;

  // Cancelled with the context of the task that makes it.
  Scope(Loop& loop, std::string name);
  // Everything spawned must have been joined.
  ~Scope() override;

  // What fails in a task is handled in it: one board's failure is no reason to end the others.
  void spawn(std::string name, Task<void> task);

  // co_await scope.join(); waits until no task is left. Never cut short: if the waiting task is
  // cancelled, so are those in the scope, and the join still waits for them. Tasks that ignore it
  // for kJoinGrace are named in the log; they are not abandoned, for they hold what the scope's
  // owner would destroy.
  [[nodiscard]] Join join();

  const std::string& name() const { return name_; }
  std::size_t size() const { return size_; }

  template <class Visit>
  void for_each_task(Visit visit) const {
    for (const Child& child : tasks_) visit(child.name(), child.task());
  }

 private:
  class Child final : public Link, public TaskOwner {
   public:
    Child(Scope& scope, std::string name, Task<void> task)
        : scope_(scope), name_(std::move(name)), task_(std::move(task)) {}

    std::string_view name() const { return name_; }
    TaskFrame& task() const { return task_.promise(); }

   private:
    std::string_view task_name(const TaskFrame&) const override { return name_; }
    void task_finished(TaskFrame&) override { scope_.remove(*this); }

    Scope& scope_;
    std::string name_;
    Task<void> task_;
  };

  void remove(Child& child);
  void on_cancel() override;
  void on_time() override;

  std::string name_;
  LinkedList<Child> tasks_;
  std::size_t size_ = 0;
  TaskFrame* joining_ = nullptr;
};

class Scope::Join : public Awaitable {
 public:
  explicit Join(Scope& scope) : scope_(scope) {}

  bool await_ready() const noexcept { return scope_.size_ == 0; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> task) {
    CHECK(scope_.joining_ == nullptr, "scope {} is joined twice", scope_.name_);
    scope_.joining_ = &task.promise();
  }
  void await_resume() const noexcept {}

 private:
  Scope& scope_;
};

inline Scope::Join Scope::join() {
  return Join(*this);
}

}  // namespace gangd
