#include "ledger/ledger_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "ledger/leases.h"
#include "ledger/outbox_cursor.h"
#include "ledger/projections.h"

namespace gangd {
namespace {

// So many of the newest events are checked at each start: what a torn write or a careless hand
// would hit. `gangctl ledger verify` checks all.
constexpr std::uint64_t kCheckedAtOpen = 1000;

// A file is found again after a power cut only if its folder was written, too.
Status sync_folder(const std::string& file) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  const int fd = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  const int fault = errno;
  if (fd >= 0) close(fd);
  if (synced) return {};
  return Error(Code::kIo, "ledger {}: its folder cannot be synced: {}", file,
               std::generic_category().message(fault));
}

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

LedgerWriter::LedgerWriter(std::string file, std::string station)
    : file_(std::move(file)), station_(std::move(station)) {}

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
  if (!is_ledger) {
    TRY_STATUS(begin_ledger(now));
  }
  // Ledgers that were begun before there was a MES have neither.
  TRY_STATUS(ensure_leases(*database_));
  TRY_STATUS(ensure_outbox_cursors(*database_));
  return check_end();
}

Status LedgerWriter::begin_ledger(UtcTime now) {
  TRY_STATUS(database_->execute("BEGIN IMMEDIATE"));
  TRY_STATUS(create_events(*database_));
  TRY_STATUS(create_projections(*database_));
  head_ = Head{{1, 0}, {}};
  TRY_STATUS(insert({LedgerBegan{station_}}, now));
  TRY_STATUS(database_->execute("COMMIT"));
  return sync_folder(file_);
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

Result<EventId> LedgerWriter::commit(const std::vector<LedgerEvent>& events, UtcTime now) {
  if (!database_) return Error(Code::kClosed, "the ledger is not open");
  const Head before = head_;
  Status status = database_->execute("BEGIN IMMEDIATE");
  if (status) status = insert(events, now);
  if (status) status = database_->execute("COMMIT");
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
    const Entry entry = {{head_.id.epoch, head_.id.n + 1}, station_, now, event};
    StoredEvent stored = {entry.id, encode_entry(entry), {}};
    stored.hash = chain(head_.hash, stored.bytes);
    TRY_STATUS(insert_event(*database_, stored));
    TRY_STATUS(project(*database_, entry));
    head_ = {stored.id, stored.hash};
  }
  return {};
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
  TRY(Statement pools, database_->prepare("SELECT pool, next FROM pool"));
  while (true) {
    TRY(const bool has_row, pools.step());
    if (!has_row) return state;
    state.pool_next[pools.text(0)] = pools.integer(1);
  }
}

}  // namespace gangd
