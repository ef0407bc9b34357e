// Denials: who was refused, on record. A flood of refusals becomes few records: the first of its
// kind at once, the others as a count, once an hour.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>

#include "ledger/event.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "loop/scope.h"

namespace gangd {

class Denials {
 public:
  // Makes one durable. An error: it was not, and is tried again with the next.
  using Record = std::function<Task<Status>(AccessDenied)>;

  Denials(Loop& loop, Record record);

  // --- loop thread

  void start();
  // Records what was counted. co_await before destruction, when nobody calls add() any more.
  Task<> stop();

  // --- any thread

  void add(AccessDenied denial);

 private:
  using Kind = std::tuple<std::string, std::string, std::string, std::string>;

  Task<> receive();
  Task<> sweep();
  Task<Status> record_counts();
  void take(AccessDenied denial);
  Task<> put_on_record(Kind kind);

  Loop& loop_;
  const Record record_;
  Mailbox<AccessDenied> mailbox_;
  std::atomic<std::uint64_t> overflown_ = 0;  // that found the mailbox full
  std::map<Kind, std::uint64_t> counts_;      // that are not on record
  Scope scope_;
};

}  // namespace gangd
