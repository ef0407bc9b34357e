// Records: the ledger as the station uses it. Knows what is open, gives out numbers, and when the
// ledger fails, says so, tries to mend it, and finds out what became of what was being written.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/signal.h"
#include "station/counters.h"
#include "station/leased_serials.h"
#include "station/view.h"
#include "wire/wire.h"

namespace gangd {

class Records {
 public:
  // `changed` is called when in_order() or trouble() is another.
  Records(Loop& loop, Ledger& ledger, std::function<void()> changed);
  Loop& loop() { return loop_; }

  // Opens the ledger and ends what the life before left open, as UNKNOWN and interrupted.
  Task<Status> open(std::string version);
  // What cannot be recorded now is given up: the next life marks it. co_await before destruction.
  Task<> stop();

  // Whether attempts may begin.
  bool in_order() const { return in_order_; }
  // What is wrong, and what a person must do about it.
  const std::string& trouble() const { return trouble_; }

  Ledger& ledger() { return ledger_; }
  const LedgerCounts& counts() const { return counts_; }

  // The FAILs that the life before left, and nobody has acknowledged.
  Task<Result<std::vector<AttemptOutcome>>> unacknowledged_fails();

  // Tries once. An error: nobody may act as if it had happened.
  Task<Result<EventId>> append(LedgerEvent event);
  // Does not return before the event is durable, however long the ledger is out of order; kClosed
  // if the station stops before. Its context must not be cancelled.
  Task<Result<EventId>> append_surely(LedgerEvent event);

  // The lowest number of the pool that nobody has, and at least `first`. It is given with the
  // append() that follows without an await between.
  std::uint64_t take_index(const std::string& pool, std::uint64_t first);

  // Numbers of the MES's pools, given in the same way.
  LeasedSerials& leased() { return leased_; }
  // A pool is counted by the station or by the MES, and never by the other. kInvalid.
  Status check_pool(const std::string& pool, bool from_mes) const;

  // The BoardQualified that is in force for boards of this key; {0, 0}: they are UNQUALIFIED.
  EventId qualification_of(const BoardKey& key) const;
  // What was going on when the ledger was opened last.
  const std::vector<OpenQualification>& open_qualifications() const { return qualifications_; }

  // Never the same twice.
  Nonce make_nonce();

  // One slot works on a unit at a time. kBusy names the one that does.
  Status claim_unit(const std::string& uid, const std::string& slot);
  // One unit gets a number at a time; what is on record is the ledger's to say. kConflict names the
  // other.
  Status claim_number(const std::string& number, const std::string& uid);
  void release_number(const std::string& number) { numbers_.erase(number); }
  void release_unit(const std::string& uid) { units_.erase(uid); }

 private:
  // Appends the ends of what is open in the ledger and not alive here.
  Task<Status> end_the_dead(std::vector<LedgerEvent> first, LedgerState state);
  Task<> mend();
  Task<Status> read_qualified(std::vector<EventId> events);
  // An attempt that is open in the ledger is one of this life.
  Task<Result<bool>> is_alive(EventId attempt);
  Task<Result<EventId>> insist(const LedgerEvent& event);
  void fail(const Error& error);
  void note(const LedgerEvent& event, EventId id);
  // The id of an event that may have become durable after `before`; {0, 0} if it has not.
  Task<Result<EventId>> find(EventId before, const LedgerEvent& event);

  Loop& loop_;
  Ledger& ledger_;
  const std::function<void()> changed_;
  Scope mending_;
  Signal turned_;  // in_order_ or given_up_ is another
  bool in_order_ = false;
  bool given_up_ = false;
  std::string trouble_;
  std::set<EventId> alive_;                    // jobs and attempts of this life that have not ended
  std::vector<const LedgerEvent*> insisting_;  // what append_surely() works on
  std::map<std::string, std::uint64_t> pool_next_;
  std::vector<FailedAttempt> unacknowledged_;
  LeasedSerials leased_;
  std::map<BoardKey, EventId> qualified_;
  std::vector<OpenQualification> qualifications_;
  std::map<std::string, std::string> units_;    // in work, to the slot
  std::map<std::string, std::string> numbers_;  // in work, to the unit
  LedgerCounts counts_;
};

}  // namespace gangd
