#include "ledger/ledger_reader.h"

#include <unistd.h>

#include <limits>

#include "ledger/database.h"
#include "ledger/events.h"
#include "ledger/qualifications.h"
#include "ledger/sound_cells.h"

namespace gangd {

class LedgerReader::Connection {
 public:
  explicit Connection(Database database) : database(std::move(database)) {}

  Result<std::vector<UnitNumber>> numbers_of(const std::string& uid);
  Result<std::vector<std::uint64_t>> integers(std::string_view select, const std::string& text);
  // Of a row that may have none: its epoch in this column, its number in the next.
  static EventId qualification_of(const Statement& row, int column) {
    if (row.is_null(column)) return {};
    return {static_cast<std::uint32_t>(row.integer(column)), row.integer(column + 1)};
  }

  Database database;
};

Result<std::vector<UnitNumber>> LedgerReader::Connection::numbers_of(const std::string& uid) {
  std::vector<UnitNumber> numbers;
  TRY(Statement rows,
      database.prepare("SELECT pool, place, value FROM number WHERE uid = ? ORDER BY pool, place"));
  rows.bind(0, uid);
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) return numbers;
    numbers.push_back({rows.text(0), rows.integer(1), rows.text(2)});
  }
}

Result<std::vector<std::uint64_t>> LedgerReader::Connection::integers(std::string_view select,
                                                                      const std::string& text) {
  std::vector<std::uint64_t> found;
  TRY(Statement rows, database.prepare(select));
  rows.bind(0, text);
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) return found;
    found.push_back(rows.integer(0));
  }
}

LedgerReader::LedgerReader(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}

LedgerReader::~LedgerReader() = default;

Result<std::unique_ptr<LedgerReader>> LedgerReader::open(const std::string& file) {
  if (access(file.c_str(), F_OK) != 0) {
    return Error(Code::kNotFound, "there is no ledger {}: name the file of an existing one", file);
  }
  TRY(Database database, Database::open(file, Database::Access::kRead));
  TRY(const bool is_ledger, holds_ledger(database));
  if (!is_ledger) return Error(Code::kMismatch, "{} is empty: no ledger was begun in it", file);
  TRY_STATUS(ensure_qualifications_are_readable(database));
  auto connection = std::make_unique<Connection>(std::move(database));
  return std::unique_ptr<LedgerReader>(new LedgerReader(std::move(connection)));
}

Result<std::vector<StoredEvent>> LedgerReader::events(EventId after, std::size_t events_max) {
  std::vector<StoredEvent> found;
  TRY_STATUS(visit_events(connection_->database, after, events_max,
                          [&found](const StoredEvent& event) -> Status {
                            found.push_back(event);
                            return {};
                          }));
  return found;
}

Result<Entry> LedgerReader::entry(EventId id) {
  if (id.n == 0 || id.n > std::numeric_limits<std::int64_t>::max()) {
    return Error(Code::kNotFound, "there is no event {}", id.to_string());
  }
  TRY(const std::vector<StoredEvent> found, events({id.epoch, id.n - 1}, 1));
  if (found.empty() || found.front().id != id) {
    return Error(Code::kNotFound, "there is no event {}", id.to_string());
  }
  return decode_entry(found.front().bytes);
}

Result<std::optional<Entry>> LedgerReader::request(const std::string& request) {
  std::optional<Entry> entry;
  TRY(Statement rows,
      connection_->database.prepare(
          "SELECT bytes FROM request JOIN event ON seq = n WHERE request.request = ?"));
  rows.bind(0, request);
  TRY(const bool has_row, rows.step());
  if (has_row) {
    TRY(entry, decode_entry(rows.text(0)));
  }
  return entry;
}

Result<std::vector<UnitRow>> LedgerReader::units(const UnitFilter& filter,
                                                 const std::string& after_uid,
                                                 std::size_t units_max) {
  std::string select =
      "SELECT uid, event.epoch, last_attempt_n, last_verdict, attempts, by.epoch, by.seq FROM unit "
      "JOIN event ON event.seq = last_attempt_n "
      "LEFT JOIN attempt_qualified ON attempt_n = last_attempt_n "
      "LEFT JOIN event AS by ON by.seq = qualified_n WHERE uid > ?1";
  if (filter.last_verdict) select += " AND last_verdict = ?2";
  if (filter.image) {
    select +=
        " AND EXISTS(SELECT 1 FROM measured WHERE attempt_n = last_attempt_n AND sha256 = ?3)";
  }
  select += " ORDER BY uid";
  TRY(Statement rows, connection_->database.prepare(select));
  rows.bind(0, after_uid);
  if (filter.last_verdict) rows.bind(1, verdict_name(*filter.last_verdict));
  if (filter.image) rows.bind(2, filter.image->hex());
  std::vector<UnitRow> units;
  while (units.size() < units_max) {
    TRY(const bool has_row, rows.step());
    if (!has_row) break;
    UnitRow unit;
    unit.uid = rows.text(0);
    unit.last_attempt = {static_cast<std::uint32_t>(rows.integer(1)), rows.integer(2)};
    if (!rows.is_null(3)) unit.last_verdict = verdict_named(rows.text(3));
    unit.attempts = rows.integer(4);
    unit.last_qualification = Connection::qualification_of(rows, 5);
    TRY(unit.numbers, connection_->numbers_of(unit.uid));
    units.push_back(std::move(unit));
  }
  return units;
}

Result<std::optional<UnitRow>> LedgerReader::unit(const std::string& uid) {
  std::optional<UnitRow> found;
  TRY(Statement rows, connection_->database.prepare(
                          "SELECT event.epoch, last_attempt_n, last_verdict, attempts, by.epoch, "
                          "by.seq FROM unit JOIN event ON event.seq = last_attempt_n "
                          "LEFT JOIN attempt_qualified ON attempt_n = last_attempt_n "
                          "LEFT JOIN event AS by ON by.seq = qualified_n WHERE uid = ?"));
  rows.bind(0, uid);
  TRY(const bool has_row, rows.step());
  if (!has_row) return found;
  UnitRow& unit = found.emplace();
  unit.uid = uid;
  unit.last_attempt = {static_cast<std::uint32_t>(rows.integer(0)), rows.integer(1)};
  if (!rows.is_null(2)) unit.last_verdict = verdict_named(rows.text(2));
  unit.attempts = rows.integer(3);
  unit.last_qualification = Connection::qualification_of(rows, 4);
  TRY(unit.numbers, connection_->numbers_of(uid));
  return found;
}

Result<std::optional<std::string>> LedgerReader::uid_of_number(const std::string& value) {
  std::optional<std::string> uid;
  TRY(Statement rows,
      connection_->database.prepare("SELECT DISTINCT uid FROM number WHERE value = ? LIMIT 2"));
  rows.bind(0, value);
  TRY(const bool has_row, rows.step());
  if (!has_row) return uid;
  uid = rows.text(0);
  TRY(const bool has_another, rows.step());
  if (has_another) {
    return Error(Code::kInvalid,
                 "units of several pools have the number {}: ask for a UID, "
                 "{} or {}",
                 value, *uid, rows.text(0));
  }
  return uid;
}

Result<std::optional<std::string>> LedgerReader::other_holder(const std::string& number,
                                                              const std::string& uid) {
  std::optional<std::string> other;
  TRY(Statement rows,
      connection_->database.prepare("SELECT uid FROM number WHERE value = ? AND uid <> ? LIMIT 1"));
  TRY(const bool has_row, rows.bind(0, number).bind(1, uid).step());
  if (has_row) other = rows.text(0);
  return other;
}

Result<JobRow> LedgerReader::job(EventId id) {
  auto entry = this->entry(id);
  auto* started = entry ? std::get_if<JobStarted>(&entry->event) : nullptr;
  if (started == nullptr) {
    return Error(Code::kNotFound, "there is no job {}: see gangctl job list", id.to_string());
  }
  JobRow job;
  job.id = id;
  job.started = std::move(*started);
  TRY(Statement end,
      connection_->database.prepare("SELECT bytes FROM job JOIN event ON seq = end_n WHERE n = ?"));
  TRY(const bool has_ended, end.bind(0, id.n).step());
  if (has_ended) {
    TRY(Entry ended, decode_entry(end.text(0)));
    if (auto* event = std::get_if<JobEnded>(&ended.event)) job.end = std::move(*event);
  }
  TRY(Statement counts,
      connection_->database.prepare(
          "SELECT count(*) FILTER (WHERE verdict = 'PASS'),"
          " count(*) FILTER (WHERE verdict = 'FAIL'),"
          " count(*) FILTER (WHERE verdict = 'UNKNOWN'),"
          " count(DISTINCT uid) FILTER (WHERE verdict = 'PASS'),"
          " count(*) FILTER (WHERE verdict = 'PASS' AND qualified_n IS NULL)"
          " FROM attempt LEFT JOIN attempt_qualified ON attempt_n = n WHERE job_n = ?"));
  TRY_STATUS(counts.bind(0, id.n).step());
  job.passed = counts.integer(0);
  job.failed = counts.integer(1);
  job.unknown = counts.integer(2);
  job.units_passed = counts.integer(3);
  job.passed_unqualified = counts.integer(4);
  return job;
}

Result<std::vector<JobRow>> LedgerReader::jobs(std::size_t jobs_max) {
  std::vector<JobRow> jobs;
  TRY(Statement rows,
      connection_->database.prepare("SELECT epoch, n FROM (SELECT n FROM job ORDER BY n DESC "
                                    "LIMIT ?) JOIN event ON seq = n ORDER BY n"));
  rows.bind(0, std::uint64_t{jobs_max});
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) return jobs;
    TRY(JobRow job, this->job({static_cast<std::uint32_t>(rows.integer(0)), rows.integer(1)}));
    jobs.push_back(std::move(job));
  }
}

Result<std::vector<AttemptRow>> LedgerReader::attempts_of_unit(const std::string& uid) {
  std::vector<AttemptRow> attempts;
  TRY(const std::vector<std::uint64_t> found,
      connection_->integers("SELECT n FROM attempt WHERE uid = ? ORDER BY n", uid));
  for (const std::uint64_t n : found) {
    TRY(AttemptRow attempt, attempt_at(n));
    attempts.push_back(std::move(attempt));
  }
  return attempts;
}

Result<AttemptRow> LedgerReader::attempt_at(std::uint64_t n) {
  TRY(const std::vector<StoredEvent> started, events({0, n - 1}, 1));
  return attempt(started.front().id);
}

// What came before the oldest attempt without PASS has nothing to say.
Result<bool> LedgerReader::is_sound(const std::string& uid) {
  TRY(const std::vector<std::uint64_t> attempts,
      connection_->integers("SELECT n FROM attempt WHERE uid = ?1 AND n >= (SELECT min(n) FROM "
                            "attempt WHERE uid = ?1 AND verdict IS NOT 'PASS') ORDER BY n DESC",
                            uid));
  SoundCells cells;
  for (const std::uint64_t n : attempts) {
    TRY(const AttemptRow attempt, attempt_at(n));
    if (!cells.take(attempt)) return false;
  }
  return true;
}

Result<AttemptRow> LedgerReader::attempt(EventId id) {
  TRY(Entry entry, this->entry(id));
  auto* started = std::get_if<AttemptStarted>(&entry.event);
  if (started == nullptr) {
    return Error(Code::kNotFound, "{} is no attempt, but {}", id.to_string(),
                 event_type(entry.event));
  }
  AttemptRow attempt;
  attempt.id = id;
  attempt.started_at = entry.at;
  attempt.started = std::move(*started);
  TRY(Entry job, this->entry(attempt.started.job));
  if (auto* order = std::get_if<JobStarted>(&job.event)) {
    attempt.product = std::move(order->product);
    attempt.image_extents = std::move(order->image_extents);
  }
  TRY(Statement rows, connection_->database.prepare(
                          "SELECT bytes FROM attempt JOIN event ON seq = end_n WHERE n = ?"));
  rows.bind(0, id.n);
  TRY(const bool has_ended, rows.step());
  if (!has_ended) return attempt;
  TRY(Entry end, decode_entry(rows.text(0)));
  attempt.end_event = end.id;
  if (auto* ended = std::get_if<AttemptEnded>(&end.event)) attempt.end = std::move(*ended);
  return attempt;
}

}  // namespace gangd
