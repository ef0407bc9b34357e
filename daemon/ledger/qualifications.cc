#include "ledger/qualifications.h"

#include <fmt/format.h>

namespace gangd {
namespace {

// `{}`: empty, or TEMP.
constexpr std::string_view kCreate = R"(
  CREATE {0} TABLE IF NOT EXISTS qualification(
    n INTEGER PRIMARY KEY,
    slot TEXT NOT NULL,
    end_n INTEGER) STRICT;
  CREATE {0} TABLE IF NOT EXISTS qualification_step(
    n INTEGER PRIMARY KEY,
    qualification_n INTEGER NOT NULL) STRICT;
  CREATE {0} TABLE IF NOT EXISTS qualified(
    n INTEGER PRIMARY KEY) STRICT;
  CREATE {0} TABLE IF NOT EXISTS attempt_qualified(
    attempt_n INTEGER PRIMARY KEY,
    qualified_n INTEGER NOT NULL) STRICT;
)";

Error contradiction(EventId event, std::string_view what) {
  return {Code::kMismatch, "event {} contradicts those before it: {}", event.to_string(), what};
}

Status check_begun(Database& database, EventId event, EventId qualification) {
  TRY(Statement row, database.prepare("SELECT 1 FROM qualification WHERE n = ?"));
  TRY(const bool is_begun, row.bind(0, qualification.n).step());
  return is_begun ? Status() : contradiction(event, "its qualification was not begun");
}

EventId id_at(const Statement& row, int column) {
  return {static_cast<std::uint32_t>(row.integer(column)), row.integer(column + 1)};
}

}  // namespace

Status ensure_qualifications(Database& database) {
  return database.execute(fmt::format(kCreate, ""));
}

Status ensure_qualifications_are_readable(Database& database) {
  TRY(const std::int64_t tables, database.integer("SELECT count(*) FROM sqlite_master WHERE type = "
                                                  "'table' AND name = 'attempt_qualified'"));
  return tables > 0 ? Status() : database.execute(fmt::format(kCreate, "TEMP"));
}

// Another in the same slot ends the one before: there is one board in it.
Status project_qualification(Database& database, EventId event, const QualificationStarted& began) {
  TRY(Statement end,
      database.prepare("UPDATE qualification SET end_n = ? WHERE slot = ? AND end_n IS NULL"));
  TRY_STATUS(end.bind(0, event.n).bind(1, began.slot).run());
  TRY(Statement insert, database.prepare("INSERT INTO qualification VALUES(?, ?, NULL)"));
  return insert.bind(0, event.n).bind(1, began.slot).run();
}

Status project_qualification(Database& database, EventId event, const QualificationStep& step) {
  TRY_STATUS(check_begun(database, event, step.qualification));
  TRY(Statement insert, database.prepare("INSERT INTO qualification_step VALUES(?, ?)"));
  return insert.bind(0, event.n).bind(1, step.qualification.n).run();
}

Status project_qualification(Database& database, EventId event, const BoardQualified& qualified) {
  TRY_STATUS(check_begun(database, event, qualified.qualification));
  TRY(Statement end,
      database.prepare("UPDATE qualification SET end_n = ? WHERE n = ? AND end_n IS NULL"));
  TRY_STATUS(end.bind(0, event.n).bind(1, qualified.qualification.n).run());
  TRY(Statement insert, database.prepare("INSERT INTO qualified VALUES(?)"));
  return insert.bind(0, event.n).run();
}

Status project_qualification(Database& database, EventId event, const AttemptEnded& end) {
  if (end.qualification == EventId()) return {};
  TRY(Statement known, database.prepare("SELECT 1 FROM qualified WHERE n = ?"));
  TRY(const bool is_known, known.bind(0, end.qualification.n).step());
  if (!is_known) return contradiction(event, "it says that it is qualified, and by nothing");
  TRY(Statement insert, database.prepare("INSERT INTO attempt_qualified VALUES(?, ?)"));
  return insert.bind(0, end.attempt.n).bind(1, end.qualification.n).run();
}

Result<std::vector<EventId>> read_qualified(Database& database) {
  std::vector<EventId> found;
  TRY(Statement rows,
      database.prepare("SELECT epoch, n FROM qualified JOIN event ON seq = n ORDER BY n"));
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) return found;
    found.push_back(id_at(rows, 0));
  }
}

Result<std::vector<OpenQualification>> read_open_qualifications(Database& database) {
  std::vector<OpenQualification> found;
  TRY(Statement rows, database.prepare("SELECT epoch, n FROM qualification JOIN event ON seq = n "
                                       "WHERE end_n IS NULL ORDER BY n"));
  TRY(Statement steps,
      database.prepare("SELECT qualification_n, epoch, n FROM qualification_step JOIN event "
                       "ON seq = n ORDER BY n"));
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) break;
    found.push_back({id_at(rows, 0), {}});
  }
  while (true) {
    TRY(const bool has_row, steps.step());
    if (!has_row) return found;
    for (OpenQualification& open : found) {
      if (open.id.n == steps.integer(0)) open.steps.push_back(id_at(steps, 1));
    }
  }
}

}  // namespace gangd
