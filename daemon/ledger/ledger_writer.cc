#include "ledger/ledger_writer.h"

#include "ledger/leases.h"
#include "ledger/outbox_cursor.h"
#include "ledger/projections.h"
#include "ledger/qualifications.h"
#include "ledger/small_file.h"

namespace gangd {
namespace {

// So many of the newest events are checked at each start: what a torn write or a careless hand
// would hit. `gangctl audit verify` checks all.
constexpr std::uint64_t kCheckedAtOpen = 1000;

Result<std::vector<EventId>> ids(Database& database, std::string_view select) {
  std::vector<EventId> found;
  TRY(Statement rows, database.prepare(select));
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) return found;
    found.push_back({static_cast<std::uint32_t>(rows.integer(0)), rows.integer(1)});
  }
}

Result<std::vector<FailedAttempt>> unacknowledged(Database& database) {
  std::vector<FailedAttempt> found;
  TRY(Statement rows,
      database.prepare(
          "SELECT first.epoch, n, last.epoch, end_n FROM attempt "
          "JOIN event AS first ON first.seq = n JOIN event AS last ON last.seq = end_n "
          "WHERE verdict = 'FAIL' AND acknowledged_n IS NULL AND n = "
          "(SELECT max(n) FROM attempt AS newest WHERE newest.slot = attempt.slot) ORDER BY n"));
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) return found;
    found.push_back({{static_cast<std::uint32_t>(rows.integer(0)), rows.integer(1)},
                     {static_cast<std::uint32_t>(rows.integer(2)), rows.integer(3)}});
  }
}

}  // namespace

LedgerWriter::LedgerWriter(std::string file, std::string station, StationKey key)
    : file_(std::move(file)), station_(std::move(station)), key_file_(std::move(key)) {}

Result<LedgerState> LedgerWriter::open(UtcTime now) {
  database_.reset();
  if (!lock_) {
    TRY(LedgerLock lock, LedgerLock::take(file_));
    lock_.emplace(std::move(lock));
  }
  Status opened = open_file(now);
  if (!opened) {
    database_.reset();
    return std::move(opened).error();
  }
  auto found = state();
  if (!found) database_.reset();
  return found;
}

Status LedgerWriter::open_file(UtcTime now) {
  TRY(Database database, Database::open(file_, Database::Access::kWrite));
  database_.emplace(std::move(database));
  TRY(const bool is_ledger, holds_ledger(*database_));
  // Readers go on while one writes, and a commit is on the disk when it returns.
  TRY_STATUS(database_->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
  TRY(const bool is_backup, is_copy(*database_));
  if (is_backup) {
    return Error(
        Code::kMismatch,
        "ledger {} is a backup, and what came after it is lost: go on from it with gangctl "
        "ledger go-on",
        file_);
  }
  if (is_ledger) {
    TRY_STATUS(open_key());
  } else {
    TRY_STATUS(begin_ledger(now));
  }
  // Ledgers that were begun before there was a MES, or a qualification, have none of them.
  TRY_STATUS(ensure_leases(*database_));
  TRY_STATUS(ensure_qualifications(*database_));
  TRY_STATUS(ensure_outbox_cursors(*database_));
  TRY_STATUS(check_end());
  TRY_STATUS(check_signature());
  return check_noted();
}

Status LedgerWriter::begin_ledger(UtcTime now) {
  auto key = read_station_key(key_file_.file);
  if (key.failed_with(Code::kNotFound)) key = make_station_key(key_file_);
  if (!key) return std::move(key).error();
  key_ = *std::move(key);
  // The head before the first event comes first: from then on a ledger without its head file has
  // lost it.
  const std::string heads = HeadFile::beside(file_);
  Status made = HeadFile::make(heads, sign_head(*key_, station_, {1, 0}, {}));
  if (made.failed_with(Code::kBusy)) {
    TRY(const SignedHead noted, HeadFile::read(heads));
    if (noted.id.n > 0) {
      return Error(Code::kMismatch,
                   "ledger {} is empty, and {} says that it went on to event {}: put the ledger "
                   "back; to begin another, move {} away, too",
                   file_, heads, noted.id.to_string(), heads);
    }
  } else if (!made) {
    return made;
  }
  TRY_STATUS(database_->execute("BEGIN IMMEDIATE"));
  TRY_STATUS(create_events(*database_));
  TRY_STATUS(create_projections(*database_));
  head_ = Head{{1, 0}, {}};
  TRY_STATUS(insert({LedgerBegan{station_, key_->public_key()}}, now));
  TRY_STATUS(database_->execute("COMMIT"));
  return sync_folder_of(file_);
}

Status LedgerWriter::open_key() {
  if (key_) return {};
  auto key = read_station_key(key_file_.file);
  if (key.failed_with(Code::kNotFound)) {
    return Error(Code::kMismatch,
                 "ledger {}: the station's key {} is gone: put it back; if it is lost, give the "
                 "station another with gangctl ledger new-key",
                 file_, key_file_.file);
  }
  if (!key) return std::move(key).error();
  key_ = *std::move(key);
  return {};
}

Status LedgerWriter::check_end() {
  TRY(const Head newest, head_of(*database_));
  Head before;
  if (newest.id.n > kCheckedAtOpen) {
    TRY_STATUS(visit_events(*database_, {0, newest.id.n - kCheckedAtOpen - 1}, 1,
                            [&before](const StoredEvent& event) -> Status {
                              before = {event.id, event.hash};
                              return {};
                            }));
  }
  ChainCheck check(before);
  TRY_STATUS(visit_events(*database_, before.id, kCheckedAtOpen + 1,
                          [&check](const StoredEvent& event) -> Status {
                            TRY_STATUS(check.next(event));
                            return {};
                          })
                 .with_context("ledger " + file_ + ": keep it, and go on with a new one"));
  if (check.station() != station_) {
    return Error(Code::kMismatch,
                 "ledger {} is of station \"{}\", and this one is \"{}\": give each station a "
                 "ledger of its own",
                 file_, check.station(), station_);
  }
  head_ = check.head();
  return {};
}

Status LedgerWriter::check_signature() {
  TRY(const auto signature, signature_at(*database_, head_.id));
  signed_head_ = {station_, head_.id, head_.hash, signature.value_or(Signature())};
  if (signature && is_signed_by(key_->public_key(), signed_head_)) return {};
  key_.reset();
  return Error(Code::kMismatch,
               "ledger {}: event {}, its newest, was not signed with the key {}: put back the key "
               "that signed it, or the ledger if it was changed; gangctl audit verify tells more",
               file_, head_.id.to_string(), key_file_.file);
}

Status LedgerWriter::check_noted() {
  const std::string heads = HeadFile::beside(file_);
  auto noted = HeadFile::read(heads);
  if (noted.failed_with(Code::kNotFound)) {
    return Error(Code::kMismatch,
                 "ledger {}: {} is gone, and without it nobody knows whether events were cut off: "
                 "put it back; to go on from an older copy use gangctl ledger go-on",
                 file_, heads);
  }
  if (!noted) return std::move(noted).error();
  TRY(const auto hash, hash_at(*database_, noted->id));
  if (noted->id.n > 0 && hash != noted->hash) {
    return Error(Code::kMismatch,
                 "ledger {} ends at event {}, and {} knows another event {}: events were cut off "
                 "or changed, or this is an older copy: put the right ledger back, or go on from "
                 "this one with gangctl ledger go-on",
                 file_, head_.id.to_string(), heads, noted->id.to_string());
  }
  TRY(HeadFile file, HeadFile::open(heads));
  head_file_.emplace(std::move(file));
  return note_head();
}

Status LedgerWriter::note_head() {
  return head_file_->note(signed_head_).with_context("ledger " + file_);
}

Result<EventId> LedgerWriter::commit(const std::vector<LedgerEvent>& events, UtcTime now) {
  if (!database_) return Error(Code::kClosed, "the ledger is not open");
  const Head before = head_;
  Status status = database_->execute("BEGIN IMMEDIATE");
  if (status) status = insert(events, now);
  if (status) status = database_->execute("COMMIT");
  if (status) status = note_head();
  if (!status) {
    // Closing rolls back what was not committed; what the file holds then, open() reads.
    database_.reset();
    head_ = before;
    return std::move(status).error();
  }
  return EventId{head_.id.epoch, before.id.n + 1};
}

Status LedgerWriter::insert(const std::vector<LedgerEvent>& events, UtcTime now) {
  for (const LedgerEvent& event : events) {
    Entry entry = {{head_.id.epoch, head_.id.n + 1}, station_, now, event};
    sign_qualification(*key_, entry);
    StoredEvent stored = {entry.id, encode_entry(entry), {}};
    stored.hash = chain(head_.hash, stored.bytes);
    TRY_STATUS(insert_event(*database_, stored));
    TRY_STATUS(project(*database_, entry));
    head_ = {stored.id, stored.hash};
  }
  signed_head_ = sign_head(*key_, station_, head_.id, head_.hash);
  return insert_head(*database_, signed_head_);
}

Result<EventId> LedgerWriter::cursor(const std::string& outbox) {
  if (!database_) return Error(Code::kClosed, "the ledger is not open");
  return read_outbox_cursor(*database_, outbox);
}

Status LedgerWriter::keep_cursor(const std::string& outbox, EventId cursor) {
  if (!database_) return Error(Code::kClosed, "the ledger is not open");
  return write_outbox_cursor(*database_, outbox, cursor);
}

Result<LedgerState> LedgerWriter::state() {
  LedgerState state;
  TRY(state.open_jobs, ids(*database_,
                           "SELECT epoch, n FROM job JOIN event ON seq = n "
                           "WHERE end_n IS NULL ORDER BY n"));
  TRY(state.open_attempts, ids(*database_,
                               "SELECT epoch, n FROM attempt JOIN event ON seq = n "
                               "WHERE end_n IS NULL ORDER BY n"));
  TRY(state.unacknowledged, unacknowledged(*database_));
  TRY(state.leases, read_leases(*database_));
  TRY(state.qualified, read_qualified(*database_));
  TRY(state.qualifications, read_open_qualifications(*database_));
  TRY(Statement pools, database_->prepare("SELECT pool, next FROM pool"));
  while (true) {
    TRY(const bool has_row, pools.step());
    if (!has_row) return state;
    state.pool_next[pools.text(0)] = pools.integer(1);
  }
}

}  // namespace gangd
