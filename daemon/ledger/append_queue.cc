#include "ledger/append_queue.h"

#include <utility>

namespace gangd {
namespace {

// One transaction, and so one sync of the disk, for all that came in meanwhile; bounded, so that a
// flood does not hold everyone back.
constexpr std::size_t kGroupEventsMax = 1000;

}  // namespace

// Waits until its events are durable, or cannot be.
class AppendQueue::Append : public Leaf {
 public:
  Append(AppendQueue& queue, std::vector<LedgerEvent> events)
      : events(std::move(events)), queue_(queue) {}

  Result<EventId> await_resume() {
    if (refused()) return cancelled();
    return std::move(outcome_);
  }
  void finish(Result<EventId> outcome) {
    outcome_ = std::move(outcome);
    resolve();
  }

  std::vector<LedgerEvent> events;

 private:
  bool start() override {
    if (!queue_.is_open_) {
      outcome_ = Error(Code::kClosed, "the ledger is not open");
      return false;
    }
    queue_.enqueue(*this);
    return true;
  }
  // The disk is not asked to forget: the outcome is waited for.
  void abort() override {}

  AppendQueue& queue_;
  Result<EventId> outcome_ = EventId();
};

AppendQueue::AppendQueue(Loop& loop, Commit commit)
    : commit_(std::move(commit)), writing_(loop, "ledger") {}

AppendQueue::~AppendQueue() = default;

void AppendQueue::open(EventId newest) {
  is_open_ = true;
  newest_ = newest;
  grown_.notify();
}

Task<> AppendQueue::close() {
  co_await writing_.join();
}

Task<Result<EventId>> AppendQueue::append(std::vector<LedgerEvent> events) {
  co_return co_await Append(*this, std::move(events));
}

void AppendQueue::enqueue(Append& append) {
  appends_.push_back(&append);
  if (writing_.size() == 0) writing_.spawn("write", write());
}

Task<> AppendQueue::write() {
  while (!appends_.empty()) {
    std::vector<Append*> group;
    std::vector<LedgerEvent> events;
    while (!appends_.empty() && events.size() < kGroupEventsMax) {
      Append& append = *appends_.front();
      appends_.pop_front();
      events.insert(events.end(), append.events.begin(), append.events.end());
      group.push_back(&append);
    }
    const auto first = co_await commit_(std::move(events));
    finish(group, first);
  }
}

void AppendQueue::finish(const std::vector<Append*>& group, const Result<EventId>& first) {
  if (first) {
    EventId next = *first;
    for (Append* append : group) {
      const EventId id = next;
      next.n += append->events.size();
      append->finish(id);
    }
    newest_ = {next.epoch, next.n - 1};
    grown_.notify();
    return;
  }
  for (Append* append : group) append->finish(first.error());
  // Cancelled before it began, the transaction left the ledger as it was.
  if (first.failed_with(Code::kCancelled)) return;
  is_open_ = false;
  for (Append* append : std::exchange(appends_, {})) {
    append->finish(
        Error(Code::kClosed, "the ledger failed just before: {}", first.error().message()));
  }
}

Task<Status> AppendQueue::grown(EventId seen) {
  while (newest_ == seen) CO_TRY_STATUS(co_await grown_.wait());
  co_return Status();
}

}  // namespace gangd
