#include "ledger/outbox_cursor.h"

namespace gangd {

Status ensure_outbox_cursors(Database& database) {
  return database.execute(R"(
    CREATE TABLE IF NOT EXISTS outbox(
      name TEXT PRIMARY KEY,
      epoch INTEGER NOT NULL,
      n INTEGER NOT NULL) STRICT, WITHOUT ROWID)");
}

Result<EventId> read_outbox_cursor(Database& database, const std::string& outbox) {
  TRY(Statement rows, database.prepare("SELECT epoch, n FROM outbox WHERE name = ?"));
  TRY(const bool has_row, rows.bind(0, outbox).step());
  if (!has_row) return EventId();
  return EventId{static_cast<std::uint32_t>(rows.integer(0)), rows.integer(1)};
}

Status write_outbox_cursor(Database& database, const std::string& outbox, EventId cursor) {
  TRY(Statement write, database.prepare("INSERT OR REPLACE INTO outbox VALUES(?, ?, ?)"));
  return write.bind(0, outbox).bind(1, std::uint64_t{cursor.epoch}).bind(2, cursor.n).run();
}

}  // namespace gangd
