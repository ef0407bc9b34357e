// Ledger: the station's memory of what it did, from which nothing is ever taken away. Two
// implementations: SqliteLedger, and the simulated one, whose disk fails as the seed says.
//
// The station decides on the loop thread what happens next, and appends it; what append() has
// returned for is durable. All functions belong to the loop thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/event.h"
#include "loop/task.h"

namespace gangd {

struct FailedAttempt {
  EventId attempt;
  EventId end;
};

// Numbers of a pool that the MES gave this station: `count` of them from `first` on. Those before
// `next` are given to units, or lost.
struct SerialLease {
  EventId event;
  std::string pool;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  std::uint64_t next = 0;
  bool operator==(const SerialLease&) const = default;
};

// A qualification that was begun and has not come to its end.
struct OpenQualification {
  EventId id;
  std::vector<EventId> steps;  // oldest first
  bool operator==(const OpenQualification&) const = default;
};

// What a station must know to go on where it was.
struct LedgerState {
  std::vector<EventId> open_jobs;                  // started and not ended
  std::vector<EventId> open_attempts;              // the same
  std::map<std::string, std::uint64_t> pool_next;  // the lowest index never given, by pool
  // Attempts that were the last in their slot, failed, and nobody has acknowledged.
  std::vector<FailedAttempt> unacknowledged;
  std::vector<SerialLease> leases;  // all that there were, oldest first
  std::vector<EventId> qualified;   // all BoardQualified, oldest first
  std::vector<OpenQualification> qualifications;
};

// One unit, from all its attempts.
struct UnitRow {
  std::string uid;
  std::vector<UnitNumber> numbers;
  EventId last_attempt;
  std::optional<Verdict> last_verdict;  // nothing while the attempt is going on
  std::uint64_t attempts = 0;
  // Of the last attempt: the BoardQualified in force for it; {0, 0}: UNQUALIFIED.
  EventId last_qualification;
};

class Ledger {
 public:
  virtual ~Ledger() = default;

  // Comes first; after a failed append() it comes again, and what it gives then is what is durable,
  // whatever that append() seemed to have done. kBusy: another gangd has this ledger. kMismatch:
  // it is not a ledger, of another station, or its chain is broken at the end. kIo: the disk.
  virtual Task<Result<LedgerState>> open() = 0;

  // Makes all of `events` durable, or none, and gives the id of the first; the others follow it
  // without a gap. Order is kept between calls. Once begun it is not cut short by cancelling;
  // kCancelled: it was not begun, and nothing was appended. After another failure everything fails
  // with kClosed until open() succeeds; whether the failed events are durable only open() and
  // entries() can tell.
  virtual Task<Result<EventId>> append(std::vector<LedgerEvent> events) = 0;

  // The id of the newest durable event; {0, 0} before the first.
  virtual EventId newest() const = 0;
  // Waits until newest() is another than `seen`.
  virtual Task<Status> grown(EventId seen) = 0;

  // At most `entries_max` that follow `after`, oldest first.
  virtual Task<Result<std::vector<Entry>>> entries(EventId after, std::size_t entries_max) = 0;
  // The entry of this id: kNotFound.
  virtual Task<Result<Entry>> entry(EventId id) = 0;
  // The event that this request led to; nothing when it is new.
  virtual Task<Result<std::optional<Entry>>> request(std::string request) = 0;
  // A UID other than `uid` that has this number, of any pool; nothing when there is none.
  virtual Task<Result<std::optional<std::string>>> other_holder(std::string number,
                                                                std::string uid) = 0;
  // How far an outbox has got: its receiver has all up to this event. {0, 0} when it never kept it.
  // No part of the record: an outbox whose cursor is lost begins anew.
  virtual Task<Result<EventId>> cursor(std::string outbox) = 0;
  // Durable when it returns. A failure leaves the ledger as it is.
  virtual Task<Status> keep_cursor(std::string outbox, EventId cursor) = 0;

  // Nothing when this UID was never seen.
  virtual Task<Result<std::optional<UnitRow>>> unit(std::string uid) = 0;
  // Whether all that attempts without PASS may have left half done in it was done anew since
  // (ledger/sound_cells.h). True when it was never seen.
  virtual Task<Result<bool>> is_sound(std::string uid) = 0;
};

}  // namespace gangd
