#include "loop/timers.h"

#include "base/check.h"

namespace gangd {

Timer::~Timer() {
  CHECK(!armed());
}

void Timers::arm(Timer& timer, Instant deadline) {
  disarm(timer);
  timer.deadline_ = deadline;
  timer.order_ = armed_++;
  heap_.push_back(nullptr);
  place(heap_.size() - 1, timer);
  sift_up(timer.index_);
}

void Timers::disarm(Timer& timer) {
  if (!timer.armed()) return;
  const std::size_t hole = timer.index_;
  Timer& last = *heap_.back();
  heap_.pop_back();
  timer.index_ = Timer::kNone;
  if (&last == &timer) return;
  place(hole, last);
  sift_up(hole);
  sift_down(last.index_);
}

void Timers::fire_due(Instant now) {
  const std::uint64_t armed_before = armed_;
  while (!heap_.empty()) {
    Timer& timer = *heap_.front();
    if (timer.deadline_ > now || timer.order_ >= armed_before) return;
    disarm(timer);
    timer.on_time();
  }
}

Instant Timers::next() const {
  return heap_.empty() ? Instant::max() : heap_.front()->deadline_;
}

bool Timers::before(const Timer& a, const Timer& b) {
  return a.deadline_ != b.deadline_ ? a.deadline_ < b.deadline_ : a.order_ < b.order_;
}

void Timers::place(std::size_t index, Timer& timer) {
  heap_[index] = &timer;
  timer.index_ = index;
}

void Timers::sift_up(std::size_t index) {
  Timer& timer = *heap_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (!before(timer, *heap_[parent])) break;
    place(index, *heap_[parent]);
    index = parent;
  }
  place(index, timer);
}

void Timers::sift_down(std::size_t index) {
  Timer& timer = *heap_[index];
  while (true) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
    if (!before(*heap_[child], timer)) break;
    place(index, *heap_[child]);
    index = child;
  }
  place(index, timer);
}

}  // namespace gangd
