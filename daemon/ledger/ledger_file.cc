#include "ledger/ledger_file.h"

#include <unistd.h>

#include <limits>

#include "ledger/database.h"
#include "ledger/events.h"
#include "ledger/ledger_lock.h"
#include "ledger/projections.h"

namespace gangd {
namespace {

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

Result<Database> open_ledger(const std::string& file, Database::Access access) {
  if (::access(file.c_str(), F_OK) != 0) {
    return Error(Code::kNotFound, "there is no ledger {}: name the file of an existing one", file);
  }
  TRY(Database database, Database::open(file, access));
  TRY(const bool is_ledger, holds_ledger(database));
  if (!is_ledger) return Error(Code::kMismatch, "{} is empty: no ledger was begun in it", file);
  return database;
}

// Checks every event of `from`, and projects it into `into`.
Result<LedgerCheck> replay(Database& from, Database& into) {
  ChainCheck chain;
  LedgerCheck check;
  TRY_STATUS(visit_events(from, {}, kAll, [&](const StoredEvent& event) -> Status {
    TRY(const Entry entry, chain.next(event));
    TRY_STATUS(project(into, entry));
    ++check.events;
    return {};
  }));
  check.station = chain.station();
  check.newest = chain.head().id;
  check.head = chain.head().hash;
  TRY(const std::int64_t units, into.integer("SELECT count(*) FROM unit"));
  TRY(const std::int64_t attempts, into.integer("SELECT count(*) FROM attempt"));
  check.units = static_cast<std::uint64_t>(units);
  check.attempts = static_cast<std::uint64_t>(attempts);
  return check;
}

Result<LedgerCheck> verify(Database& ledger) {
  TRY(Database made, Database::open(":memory:", Database::Access::kWrite));
  TRY_STATUS(create_projections(made));
  TRY(LedgerCheck check, replay(ledger, made));
  TRY_STATUS(compare_projections(ledger, made));
  return check;
}

Result<LedgerCheck> rebuild(Database& ledger) {
  TRY_STATUS(ledger.execute("BEGIN IMMEDIATE"));
  TRY_STATUS(drop_projections(ledger));
  TRY_STATUS(create_projections(ledger));
  TRY(LedgerCheck check, replay(ledger, ledger));
  TRY_STATUS(ledger.execute("COMMIT"));
  return check;
}

}  // namespace

Result<LedgerCheck> verify_ledger(const std::string& file) {
  TRY(Database ledger, open_ledger(file, Database::Access::kRead));
  // One transaction sees one state of the file, whatever gangd appends meanwhile.
  TRY_STATUS(ledger.execute("BEGIN"));
  return verify(ledger).with_context("ledger " + file);
}

Result<LedgerCheck> rebuild_ledger(const std::string& file) {
  if (access(file.c_str(), F_OK) != 0) {
    return Error(Code::kNotFound, "there is no ledger {}: name the file of an existing one", file);
  }
  TRY(const LedgerLock lock, LedgerLock::take(file));
  TRY(Database ledger, open_ledger(file, Database::Access::kWrite));
  TRY_STATUS(ledger.execute("PRAGMA synchronous = FULL"));
  return rebuild(ledger).with_context("ledger " + file);
}

}  // namespace gangd
