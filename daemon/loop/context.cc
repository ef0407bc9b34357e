#include "loop/context.h"

#include "base/check.h"
#include "loop/loop.h"
#include "loop/task.h"

namespace gangd {

// A task that goes on awaiting after this many answers of kCancelled will do so for ever, and
// would keep the loop from everything else.
constexpr int kRefusalsMax = 1000;

Leaf::~Leaf() {
  CHECK(!linked(), "a leaf was destroyed while pending");
}

void Leaf::suspend(TaskFrame& task) {
  CHECK(task_ == nullptr, "a leaf is awaited once");
  task_ = &task;
  Context& context = task.context();
  if (context.cancelled_) {
    refused_ = true;
    CHECK(++context.refusals_ < kRefusalsMax, "a task does not end after it was cancelled:\n{}",
          await_chain(task));
  } else if (start()) {
    context.leaves_.push_back(*this);
    return;
  }
  loop().make_ready(task);
}

void Leaf::resolve() {
  CHECK(linked(), "a leaf that is not pending was resolved");
  unlink();
  loop().make_ready(*task_);
}

Loop& Leaf::loop() const {
  return task_->context().loop();
}

Error cancelled() {
  return Error(Code::kCancelled, "cancelled");
}

Context::Context(Loop& loop, Context* parent, Shield shield) : loop_(loop), shield_(shield) {
  if (parent == nullptr) return;
  parent->children_.push_back(*this);
  cancelled_ = parent->cancelled_ && shield == Shield::kNone;
}

Context::~Context() {
  CHECK(leaves_.empty(), "a context was destroyed with tasks waiting in it");
  CHECK(children_.empty(), "a context was destroyed before one inside it");
}

void Context::cancel() {
  if (cancelled_) return;
  cancelled_ = true;
  on_cancel();
  for (Context& child : children_) {
    if (child.shield_ == Shield::kNone) child.cancel();
  }
  // A leaf leaves the list when it resolves, which may be now or later: each is asked once.
  LinkedList<Leaf> asked;
  while (!leaves_.empty()) {
    Leaf& leaf = leaves_.pop_front();
    asked.push_back(leaf);
    leaf.abort();
  }
  while (!asked.empty()) leaves_.push_back(asked.pop_front());
}

}  // namespace gangd
