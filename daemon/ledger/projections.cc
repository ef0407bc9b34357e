#include "ledger/projections.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "ledger/leases.h"
#include "ledger/qualifications.h"

namespace gangd {
namespace {

// Events are named by their `n`, which no two epochs share. STRICT tables keep to their types.
constexpr std::string_view kCreate = R"(
  CREATE TABLE key_event(
    n INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE job(
    n INTEGER PRIMARY KEY,
    product TEXT NOT NULL,
    end_n INTEGER) STRICT;
  CREATE INDEX job_open ON job(n) WHERE end_n IS NULL;
  CREATE TABLE job_image(
    sha256 TEXT NOT NULL,
    job_n INTEGER NOT NULL,
    PRIMARY KEY(sha256, job_n)) STRICT, WITHOUT ROWID;
  CREATE TABLE request(
    request TEXT PRIMARY KEY,
    n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE attempt(
    n INTEGER PRIMARY KEY,
    job_n INTEGER NOT NULL,
    slot TEXT NOT NULL,
    uid TEXT NOT NULL,
    end_n INTEGER,
    verdict TEXT,
    acknowledged_n INTEGER) STRICT;
  CREATE INDEX attempt_open ON attempt(n) WHERE end_n IS NULL;
  CREATE INDEX attempt_of_slot ON attempt(slot, n);
  CREATE INDEX attempt_unseen ON attempt(slot, n)
    WHERE verdict = 'FAIL' AND acknowledged_n IS NULL;
  CREATE INDEX attempt_of_job ON attempt(job_n, verdict);
  CREATE INDEX attempt_of_uid ON attempt(uid, n);
  CREATE TABLE unit(
    uid TEXT PRIMARY KEY,
    last_attempt_n INTEGER NOT NULL,
    last_verdict TEXT,
    attempts INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX unit_of_verdict ON unit(last_verdict, uid);
  CREATE TABLE number(
    pool TEXT NOT NULL,
    place INTEGER NOT NULL,
    value TEXT NOT NULL,
    uid TEXT NOT NULL,
    PRIMARY KEY(pool, place),
    UNIQUE(pool, value),
    UNIQUE(pool, uid)) STRICT, WITHOUT ROWID;
  CREATE INDEX number_of_uid ON number(uid);
  CREATE INDEX number_of_value ON number(value);
  CREATE TABLE pool(
    pool TEXT PRIMARY KEY,
    next INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE measured(
    attempt_n INTEGER NOT NULL,
    address INTEGER NOT NULL,
    size INTEGER NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY(attempt_n, address, size, name)) STRICT, WITHOUT ROWID;
  CREATE INDEX measured_of_sha256 ON measured(sha256, attempt_n);
)";

struct Table {
  std::string_view name;
  std::string_view key;
};
constexpr std::array<Table, 14> kTables = {{{"key_event", "n"},
                                            {"job", "n"},
                                            {"job_image", "sha256, job_n"},
                                            {"request", "request"},
                                            {"attempt", "n"},
                                            {"unit", "uid"},
                                            {"number", "pool, place"},
                                            {"pool", "pool"},
                                            {"lease", "n"},
                                            {"measured", "attempt_n, address, size, name"},
                                            {"qualification", "n"},
                                            {"qualification_step", "n"},
                                            {"qualified", "n"},
                                            {"attempt_qualified", "attempt_n"}}};

Error contradiction(const Entry& entry, std::string_view what) {
  return {Code::kMismatch, "event {} contradicts those before it: {}", entry.id.to_string(), what};
}

Status project_request(Database& database, const Entry& entry, const std::string& request) {
  if (request.empty()) return {};
  // A stop may be asked for under the name of the start: the first keeps the name.
  TRY(Statement insert, database.prepare("INSERT OR IGNORE INTO request VALUES(?, ?)"));
  return insert.bind(0, request).bind(1, entry.id.n).run();
}

Status project_key(Database& database, const Entry& entry) {
  TRY(Statement insert, database.prepare("INSERT INTO key_event VALUES(?)"));
  return insert.bind(0, entry.id.n).run();
}

Status project_event(Database& database, const Entry& entry, const LedgerBegan&) {
  if (entry.id.n == 1) return project_key(database, entry);
  return contradiction(entry, "the ledger began before");
}

Status project_event(Database&, const Entry&, const DaemonStarted&) {
  return {};
}

Status project_event(Database& database, const Entry& entry, const KeyReplaced&) {
  return project_key(database, entry);
}

Status project_event(Database& database, const Entry&, const EpochBegan& epoch) {
  // What is left of a lease may have been given behind the copy, too.
  TRY_STATUS(database.execute("DELETE FROM lease"));
  TRY(Statement update, database.prepare("UPDATE pool SET next = next + ?"));
  return update.bind(0, epoch.skipped).run();
}

Status project_event(Database&, const Entry&, const AccessDenied&) {
  return {};
}

Status project_event(Database& database, const Entry& entry, const JobStarted& job) {
  TRY(Statement insert, database.prepare("INSERT INTO job VALUES(?, ?, NULL)"));
  TRY_STATUS(insert.bind(0, entry.id.n).bind(1, job.product).run());
  for (const Extent& extent : job.image_extents) {
    TRY(Statement image, database.prepare("INSERT OR IGNORE INTO job_image VALUES(?, ?)"));
    TRY_STATUS(image.bind(0, extent.digest.hex()).bind(1, entry.id.n).run());
  }
  return project_request(database, entry, job.request);
}

Status project_event(Database& database, const Entry& entry, const JobEnded& job) {
  TRY(Statement update,
      database.prepare("UPDATE job SET end_n = ? WHERE n = ? AND end_n IS NULL RETURNING n"));
  TRY(const bool was_open, update.bind(0, entry.id.n).bind(1, job.job.n).step());
  if (!was_open) return contradiction(entry, "its job was not going on");
  return project_request(database, entry, job.request);
}

Status project_number(Database& database, const Entry& entry, const std::string& uid,
                      const UnitNumber& number) {
  TRY(Statement insert, database.prepare("INSERT OR IGNORE INTO number VALUES(?, ?, ?, ?)"));
  insert.bind(0, number.pool).bind(1, number.index).bind(2, number.value).bind(3, uid);
  TRY_STATUS(insert.run());
  TRY(Statement holder,
      database.prepare("SELECT 1 FROM number WHERE pool=? AND place=? AND value=? AND uid=?"));
  holder.bind(0, number.pool).bind(1, number.index).bind(2, number.value).bind(3, uid);
  TRY(const bool is_its, holder.step());
  if (!is_its) {
    return contradiction(
        entry, fmt::format("{} of pool {} is another unit's, or the unit has another", number.value,
                           number.pool));
  }
  TRY(Statement next, database.prepare("INSERT INTO pool VALUES(?1, ?2 + 1) "
                                       "ON CONFLICT DO UPDATE SET next = max(next, ?2 + 1)"));
  return next.bind(0, number.pool).bind(1, number.index).run();
}

Status project_event(Database& database, const Entry& entry, const AttemptStarted& attempt) {
  TRY(Statement insert,
      database.prepare("INSERT INTO attempt VALUES(?, ?, ?, ?, NULL, NULL, NULL)"));
  insert.bind(0, entry.id.n).bind(1, attempt.job.n).bind(2, attempt.slot).bind(3, attempt.uid);
  TRY_STATUS(insert.run());
  if (attempt.uid.empty()) return {};
  TRY(Statement unit,
      database.prepare("INSERT INTO unit VALUES(?1, ?2, NULL, 1) ON CONFLICT DO UPDATE SET "
                       "last_attempt_n = ?2, last_verdict = NULL, attempts = attempts + 1"));
  TRY_STATUS(unit.bind(0, attempt.uid).bind(1, entry.id.n).run());
  for (const UnitNumber& number : attempt.numbers) {
    TRY_STATUS(project_number(database, entry, attempt.uid, number));
  }
  return {};
}

Status project_event(Database& database, const Entry& entry, const AttemptEnded& end) {
  const std::string_view verdict = verdict_name(end.verdict);
  TRY(Statement update, database.prepare("UPDATE attempt SET end_n = ?, verdict = ? "
                                         "WHERE n = ? AND end_n IS NULL RETURNING n"));
  update.bind(0, entry.id.n).bind(1, verdict).bind(2, end.attempt.n);
  TRY(const bool was_open, update.step());
  if (!was_open) return contradiction(entry, "its attempt was not going on");
  TRY(Statement unit,
      database.prepare("UPDATE unit SET last_verdict = ?1 WHERE last_attempt_n = ?2 "
                       "AND uid = (SELECT uid FROM attempt WHERE n = ?2)"));
  TRY_STATUS(unit.bind(0, verdict).bind(1, end.attempt.n).run());
  for (const Extent& extent : end.measured) {
    // An extent that was measured twice has the digest that it had last.
    TRY(Statement insert, database.prepare("INSERT OR REPLACE INTO measured VALUES(?,?,?,?,?)"));
    insert.bind(0, end.attempt.n).bind(1, std::uint64_t{extent.address}).bind(2, extent.size);
    TRY_STATUS(insert.bind(3, extent.name).bind(4, extent.digest.hex()).run());
  }
  return project_qualification(database, entry.id, end);
}

Status project_event(Database& database, const Entry& entry, const AttemptAcknowledged& seen) {
  // Two who say so at once: the first counts.
  TRY(Statement update,
      database.prepare("UPDATE attempt SET acknowledged_n = coalesce(acknowledged_n, ?) "
                       "WHERE n = ? AND verdict = 'FAIL' RETURNING n"));
  TRY(const bool has_failed, update.bind(0, entry.id.n).bind(1, seen.attempt.n).step());
  if (!has_failed) return contradiction(entry, "its attempt has not failed");
  return project_request(database, entry, seen.request);
}

Status project_event(Database& database, const Entry& entry, const SerialsLeased& lease) {
  return project_lease(database, entry.id, lease);
}

Status project_event(Database& database, const Entry& entry, const QualificationStarted& began) {
  TRY_STATUS(project_qualification(database, entry.id, began));
  return project_request(database, entry, began.request);
}

Status project_event(Database& database, const Entry& entry, const QualificationStep& step) {
  return project_qualification(database, entry.id, step);
}

Status project_event(Database& database, const Entry& entry, const BoardQualified& qualified) {
  return project_qualification(database, entry.id, qualified);
}

// All columns of a row, for comparing.
std::string row_text(const Statement& row) {
  std::string text;
  for (int column = 0; column < row.columns(); ++column) {
    text += column == 0 ? "" : " | ";
    text += row.is_null(column) ? "null" : row.text(column);
  }
  return text;
}

Status compare_table(Database& kept, Database& made, const Table& table) {
  const std::string select = fmt::format("SELECT * FROM {} ORDER BY {}", table.name, table.key);
  TRY(Statement kept_rows, kept.prepare(select));
  TRY(Statement made_rows, made.prepare(select));
  while (true) {
    TRY(const bool is_kept, kept_rows.step());
    TRY(const bool is_made, made_rows.step());
    if (!is_kept && !is_made) return {};
    const std::string has = is_kept ? row_text(kept_rows) : "nothing";
    const std::string should = is_made ? row_text(made_rows) : "nothing";
    if (has == should) continue;
    return Error(Code::kMismatch,
                 "table {} has ({}) where the events say ({}): type gangctl ledger rebuild",
                 table.name, has, should);
  }
}

}  // namespace

Status create_projections(Database& database) {
  TRY_STATUS(database.execute(std::string(kCreate)));
  TRY_STATUS(ensure_leases(database));
  return ensure_qualifications(database);
}

Status drop_projections(Database& database) {
  for (const Table& table : kTables) {
    TRY_STATUS(database.execute(fmt::format("DROP TABLE IF EXISTS {}", table.name)));
  }
  return {};
}

Status project(Database& database, const Entry& entry) {
  return std::visit([&](const auto& event) { return project_event(database, entry, event); },
                    entry.event);
}

Status compare_projections(Database& kept, Database& made) {
  for (const Table& table : kTables) TRY_STATUS(compare_table(kept, made, table));
  return {};
}

}  // namespace gangd
