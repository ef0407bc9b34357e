#include "loop/scope.h"

#include "loop/loop.h"

namespace gangd {

Scope::Scope(Loop& loop, std::string name)
    : Context(loop, &loop.current(), Shield::kNone), name_(std::move(name)) {}

Scope::~Scope() {
  CHECK(size_ == 0, "scope {} was not joined:\n{}", name_, loop().dump_tasks());
  loop().timers().disarm(*this);
}

void Scope::spawn(std::string name, Task<void> task) {
  auto* child = new Child(*this, std::move(name), std::move(task));
  tasks_.push_back(*child);
  ++size_;
  child->task().start(*this, nullptr, child);
}

void Scope::remove(Child& child) {
  delete &child;
  if (--size_ > 0) return;
  loop().timers().disarm(*this);
  if (joining_ != nullptr) loop().make_ready(*std::exchange(joining_, nullptr));
}

void Scope::on_cancel() {
  if (size_ > 0) loop().timers().arm(*this, loop().now() + kJoinGrace);
}

void Scope::on_time() {
  for (const Child& child : tasks_) {
    loop().log(Severity::kError, "scope {}: cancelled long ago and still waiting: {}", name_,
               await_chain(child.task()));
  }
}

}  // namespace gangd
