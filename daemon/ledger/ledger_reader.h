// LedgerReader: questions to a ledger's file, on a connection of its own. Reads only, also while
// gangd appends, and also without gangd. All calls block: in the daemon they run in a worker, one
// at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/event.h"
#include "ledger/ledger.h"

namespace gangd {

struct AttemptRow {
  EventId id;
  UtcTime started_at;
  AttemptStarted started;
  std::string product;
  std::vector<Extent> image_extents;  // of its job
  std::optional<EventId> end_event;   // nothing while it is going on
  std::optional<AttemptEnded> end;
};

struct JobRow {
  EventId id;
  JobStarted started;
  std::optional<JobEnded> end;  // nothing while it is going on
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;
  std::uint64_t units_passed = 0;
  std::uint64_t passed_unqualified = 0;  // of `passed`
};

struct UnitFilter {
  std::optional<Verdict> last_verdict;
  std::optional<Sha256Digest> image;  // that was measured in it at its last attempt
};

class LedgerReader {
 public:
  // kNotFound: there is no such file. kMismatch: it is not a ledger.
  static Result<std::unique_ptr<LedgerReader>> open(const std::string& file);
  ~LedgerReader();
  LedgerReader(const LedgerReader&) = delete;
  LedgerReader& operator=(const LedgerReader&) = delete;

  // At most `events_max` that follow `after`, oldest first.
  Result<std::vector<StoredEvent>> events(EventId after, std::size_t events_max);
  // kNotFound.
  Result<Entry> entry(EventId id);
  // The event that this request led to; nothing when it is new.
  Result<std::optional<Entry>> request(const std::string& request);
  // At most `units_max` whose UIDs follow `after_uid`, in the order of UIDs.
  Result<std::vector<UnitRow>> units(const UnitFilter& filter, const std::string& after_uid,
                                     std::size_t units_max);
  Result<std::optional<UnitRow>> unit(const std::string& uid);
  // As Ledger::is_sound().
  Result<bool> is_sound(const std::string& uid);
  // The UID that a number of any pool was given to; nothing when nobody has it. kInvalid: units of
  // several pools have it.
  Result<std::optional<std::string>> uid_of_number(const std::string& value);
  // A UID other than `uid` that a number of any pool was given to.
  Result<std::optional<std::string>> other_holder(const std::string& number,
                                                  const std::string& uid);
  // kNotFound: no job has this id.
  Result<JobRow> job(EventId id);
  // At most `jobs_max`, the newest of them last.
  Result<std::vector<JobRow>> jobs(std::size_t jobs_max);
  // Oldest first.
  Result<std::vector<AttemptRow>> attempts_of_unit(const std::string& uid);
  // kNotFound: no attempt has this id.
  Result<AttemptRow> attempt(EventId id);

 private:
  class Connection;
  Result<AttemptRow> attempt_at(std::uint64_t n);
  explicit LedgerReader(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
};

}  // namespace gangd
