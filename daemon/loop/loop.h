// Loop: one thread that runs all logic of the daemon, as tasks (task.h). No locks anywhere: between
// two co_awaits nothing else runs. Other threads reach it through a Mailbox only.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

#include "loop/context.h"
#include "loop/port.h"
#include "loop/timers.h"

namespace gangd {

template <class T>
class Task;

// What one callback may take before it is named in the log: the others wait for it.
constexpr Duration kSlowCallback = std::chrono::milliseconds(20);

class Loop {
 public:
  explicit Loop(Port& port);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  template <class T>
  T run(Task<T> task);

  // Cancels every task there is. Shielded clean-up goes on.
  void cancel() { root_.cancel(); }

  // Stands still while a task runs.
  Instant now() const { return now_; }
  UtcTime utc_now() { return port_.utc_now(); }
  Port& port() { return port_; }
  Timers& timers() { return timers_; }
  // The context of the task that is running, or the one that holds all others.
  Context& current() { return current_ != nullptr ? *current_ : root_; }

  template <class... Args>
  void log(Severity severity, fmt::format_string<Args...> format, Args&&... args) {
    port_.log(severity, fmt::format(format, std::forward<Args>(args)...));
  }

  // Every scope with its tasks, and for each task where it waits: a line an await.
  std::string dump_tasks() const;

  // For awaitables: `task` goes on when its turn comes.
  void make_ready(TaskFrame& task);

 private:
  void run_until_ended(TaskFrame& task);
  void turn();
  void resume(TaskFrame& task);
  TaskFrame& pop_ready();
  // Measures the callback that ends now; the next one begins.
  bool was_slow(Duration& took);

  Port& port_;
  Timers timers_;
  Instant now_;
  Instant callback_began_;
  Context root_;
  Context* current_ = nullptr;
  const TaskFrame* main_ = nullptr;
  TaskFrame* ready_first_ = nullptr;
  TaskFrame* ready_last_ = nullptr;
};

}  // namespace gangd
