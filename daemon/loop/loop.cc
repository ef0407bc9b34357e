#include "loop/loop.h"

#include <chrono>
#include <optional>

#include "base/check.h"
#include "loop/scope.h"
#include "loop/task.h"

namespace gangd {
namespace {

// So many tasks run before the outside is looked at again: enough that the look costs little beside
// them, few enough that a transfer does not wait for long.
constexpr int kResumesPerTurn = 256;

std::int64_t to_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

void append_line(std::string& text, std::string_view line) {
  if (!text.empty()) text += '\n';
  text += line;
}

void append_chain(std::string& text, const TaskFrame& outermost, std::string_view indent) {
  for (const TaskFrame* task = &outermost; task != nullptr; task = task->callee()) {
    const std::source_location& where = task->where();
    append_line(text, fmt::format("{}{}:{} in {}", indent, where.file_name(), where.line(),
                                  where.function_name()));
  }
}

const TaskFrame& outermost(const TaskFrame& task) {
  const TaskFrame* at = &task;
  while (at->caller() != nullptr) at = at->caller();
  return *at;
}

void append_tasks(std::string& text, const Context& context, std::size_t depth) {
  const std::string indent(2 * depth, ' ');
  if (const auto* scope = dynamic_cast<const Scope*>(&context)) {
    append_line(text, fmt::format("{}scope {}{}", indent, scope->name(),
                                  scope->is_cancelled() ? " (cancelled)" : ""));
    scope->for_each_task([&](std::string_view name, const TaskFrame& task) {
      append_line(text, fmt::format("{}  task {}", indent, name));
      append_chain(text, task, indent + "    ");
    });
    ++depth;
  }
  for (const Context& child : context.children()) append_tasks(text, child, depth);
}

// The task that Loop::run() runs.
class RunOwner final : public TaskOwner {
 public:
  std::string_view task_name(const TaskFrame&) const override { return "main"; }
  void task_finished(TaskFrame&) override { finished = true; }

  bool finished = false;
};

}  // namespace

void TaskFrame::start(Context& context, TaskFrame* caller, TaskOwner* owner) {
  CHECK(!started(), "a task runs once");
  CHECK((caller == nullptr) != (owner == nullptr));
  context_ = &context;
  caller_ = caller;
  owner_ = owner;
  if (caller != nullptr) caller->callee_ = this;
  context.loop().make_ready(*this);
}

void TaskFrame::ended() noexcept {
  if (caller_ != nullptr) {
    caller_->callee_ = nullptr;
    context_->loop().make_ready(*caller_);
  } else {
    // Its own turn comes once more, for its owner: the frame must outlive this callback.
    context_->loop().make_ready(*this);
  }
}

std::string await_chain(const TaskFrame& any_of_them) {
  const TaskFrame& first = outermost(any_of_them);
  std::string text = fmt::format(
      "task {}", first.owner() != nullptr ? first.owner()->task_name(first) : "not started");
  append_chain(text, first, "  ");
  return text;
}

Loop::Loop(Port& port)
    : port_(port),
      now_(port.now()),
      callback_began_(now_),
      root_(*this, nullptr, Context::Shield::kNone) {}

Loop::~Loop() {
  CHECK(ready_first_ == nullptr, "tasks were left in the loop");
}

std::string Loop::dump_tasks() const {
  std::string text;
  if (main_ != nullptr) text = await_chain(*main_);
  append_tasks(text, root_, 0);
  return text;
}

void Loop::make_ready(TaskFrame& task) {
  CHECK(task.next_ready_ == nullptr && ready_last_ != &task, "a task was made ready twice");
  (ready_last_ != nullptr ? ready_last_->next_ready_ : ready_first_) = &task;
  ready_last_ = &task;
}

TaskFrame& Loop::pop_ready() {
  TaskFrame& task = *ready_first_;
  ready_first_ = std::exchange(task.next_ready_, nullptr);
  if (ready_first_ == nullptr) ready_last_ = nullptr;
  return task;
}

void Loop::run_until_ended(TaskFrame& task) {
  RunOwner owner;
  task.start(root_, nullptr, &owner);
  main_ = &task;
  for (turn(); !owner.finished; turn()) {
    const bool may_go_on = port_.wait(ready_first_ != nullptr ? now_ : timers_.next());
    CHECK(may_go_on, "nothing can happen any more; waiting are\n{}", dump_tasks());
  }
  main_ = nullptr;
}

void Loop::turn() {
  now_ = callback_began_ = port_.now();
  Duration took;
  while (Event* event = port_.next_event()) {
    // The event may be gone after its callback.
    const std::string_view name = event->event_name();
    event->on_loop();
    if (was_slow(took)) log(Severity::kWarning, "callback {} took {} ms", name, to_ms(took));
  }
  timers_.fire_due(now_);
  if (was_slow(took)) log(Severity::kWarning, "timers took {} ms", to_ms(took));
  for (int n = 0; n < kResumesPerTurn && ready_first_ != nullptr; ++n) resume(pop_ready());
}

void Loop::resume(TaskFrame& task) {
  if (task.handle_.done()) {
    task.owner_->task_finished(task);
    return;
  }
  const std::source_location from = task.where_;
  current_ = task.context_;
  task.handle_.resume();
  current_ = nullptr;
  Duration took;
  if (was_slow(took)) {
    log(Severity::kWarning, "a task that waited at {}:{} kept the loop for {} ms; it is {}",
        from.file_name(), from.line(), to_ms(took), await_chain(task));
  }
}

bool Loop::was_slow(Duration& took) {
  const Instant ends = port_.now();
  took = ends - std::exchange(callback_began_, ends);
  return took > kSlowCallback;
}

}  // namespace gangd
