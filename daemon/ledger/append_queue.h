// AppendQueue: what every ledger does with append(), whatever it writes on: one group is committed
// at a time, and all that comes meanwhile is the next. Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "ledger/ledger.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/signal.h"

namespace gangd {

class AppendQueue {
 public:
  // Makes the events durable, all or none, and gives the id of the first.
  using Commit = std::function<Task<Result<EventId>>(std::vector<LedgerEvent>)>;

  AppendQueue(Loop& loop, Commit commit);
  // After close().
  ~AppendQueue();

  // From now on appends are taken; `newest` is durable.
  void open(EventId newest);
  // They fail with kClosed, until open().
  void shut() { is_open_ = false; }
  // Waits for what was appended. co_await before destruction.
  Task<> close();

  // As Ledger's functions of these names.
  Task<Result<EventId>> append(std::vector<LedgerEvent> events);
  EventId newest() const { return newest_; }
  Task<Status> grown(EventId seen);

 private:
  class Append;

  void enqueue(Append& append);
  Task<> write();
  void finish(const std::vector<Append*>& group, const Result<EventId>& first);

  const Commit commit_;
  Scope writing_;
  std::deque<Append*> appends_;  // that no group has taken yet
  bool is_open_ = false;
  EventId newest_;
  Signal grown_;
};

}  // namespace gangd
