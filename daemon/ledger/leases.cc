#include "ledger/leases.h"

namespace gangd {

Status ensure_leases(Database& database) {
  return database.execute(R"(
    CREATE TABLE IF NOT EXISTS lease(
      n INTEGER PRIMARY KEY,
      pool TEXT NOT NULL,
      first INTEGER NOT NULL,
      count INTEGER NOT NULL,
      UNIQUE(pool, first)) STRICT)");
}

Status project_lease(Database& database, EventId event, const SerialsLeased& lease) {
  TRY(Statement other, database.prepare("SELECT n FROM lease WHERE pool = ?1 AND first < ?2 + ?3 "
                                        "AND first + count > ?2"));
  other.bind(0, lease.pool).bind(1, lease.first).bind(2, lease.count);
  TRY(const bool overlaps, other.step());
  if (overlaps) {
    return Error(Code::kMismatch,
                 "event {} contradicts those before it: numbers of pool {} are leased twice",
                 event.to_string(), lease.pool);
  }
  TRY(Statement insert, database.prepare("INSERT INTO lease VALUES(?, ?, ?, ?)"));
  insert.bind(0, event.n).bind(1, lease.pool).bind(2, lease.first).bind(3, lease.count);
  return insert.run();
}

Result<std::vector<SerialLease>> read_leases(Database& database) {
  std::vector<SerialLease> leases;
  TRY(Statement rows,
      database.prepare(
          "SELECT epoch, n, pool, first, count, ifnull((SELECT max(place) + 1 FROM number "
          "WHERE number.pool = lease.pool AND place >= first AND place < first + count), first) "
          "FROM lease JOIN event ON seq = n ORDER BY n"));
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) return leases;
    const EventId event = {static_cast<std::uint32_t>(rows.integer(0)), rows.integer(1)};
    leases.push_back({event, rows.text(2), rows.integer(3), rows.integer(4), rows.integer(5)});
  }
}

}  // namespace gangd
