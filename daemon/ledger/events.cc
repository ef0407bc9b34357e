#include "ledger/events.h"

#include <algorithm>

namespace gangd {
namespace {

// `gang` in the file's head: file(1) and we know it by that.
constexpr std::int64_t kApplicationId = 0x67616e67;
constexpr std::int64_t kFormat = 1;

// A table that is not STRICT would take a hash of another type. REPLACE deletes without asking the
// trigger against deleting, so inserting has its own.
constexpr std::string_view kCreate = R"(
  PRAGMA application_id = 1734438503;
  PRAGMA user_version = 1;
  CREATE TABLE event(
    seq INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    bytes TEXT NOT NULL,
    hash BLOB NOT NULL) STRICT;
  CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
  CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
  CREATE TRIGGER event_follows_the_last BEFORE INSERT ON event
    WHEN NEW.seq IS NOT (SELECT ifnull(max(seq), 0) + 1 FROM event)
    BEGIN SELECT RAISE(ABORT, 'events follow one another'); END;
)";

StoredEvent event_of(const Statement& row) {
  StoredEvent event;
  event.id.n = row.integer(0);
  event.id.epoch = static_cast<std::uint32_t>(row.integer(1));
  event.bytes = row.text(2);
  // A hash of another length is a wrong one: zeros are.
  const ByteVector hash = row.blob(3);
  if (hash.size() == event.hash.bytes.size()) {
    std::ranges::copy(hash, event.hash.bytes.begin());
  }
  return event;
}

}  // namespace

Status create_events(Database& database) {
  return database.execute(std::string(kCreate));
}

Result<bool> holds_ledger(Database& database) {
  TRY(const std::int64_t application, database.integer("PRAGMA application_id"));
  TRY(const std::int64_t format, database.integer("PRAGMA user_version"));
  TRY(const std::int64_t tables, database.integer("SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && tables == 0) return false;
  if (application != kApplicationId) {
    return Error(Code::kMismatch, "{} is a database of another program: name another file",
                 database.file());
  }
  if (format != kFormat) {
    return Error(Code::kMismatch,
                 "ledger {} has format {}, and this gangd knows {}: use the gangd "
                 "that wrote it, or a newer one",
                 database.file(), format, kFormat);
  }
  return true;
}

Status insert_event(Database& database, const StoredEvent& event) {
  TRY(Statement insert, database.prepare("INSERT INTO event VALUES(?, ?, ?, ?)"));
  insert.bind(0, event.id.n).bind(1, std::uint64_t{event.id.epoch}).bind(2, event.bytes);
  return insert.bind(3, ByteView(event.hash.bytes)).run();
}

Status visit_events(Database& database, EventId after, std::size_t events_max,
                    const std::function<Status(const StoredEvent&)>& visit) {
  TRY(Statement rows,
      database.prepare("SELECT seq, epoch, bytes, hash FROM event WHERE seq > ? ORDER BY seq"));
  rows.bind(0, after.n);
  for (std::size_t i = 0; i < events_max; ++i) {
    TRY(const bool has_row, rows.step());
    if (!has_row) break;
    TRY_STATUS(visit(event_of(rows)));
  }
  return {};
}

Result<Head> head_of(Database& database) {
  TRY(Statement last,
      database.prepare("SELECT seq, epoch, bytes, hash FROM event ORDER BY seq DESC LIMIT 1"));
  TRY(const bool has_row, last.step());
  if (!has_row) return Head();
  const StoredEvent event = event_of(last);
  return Head{event.id, event.hash};
}

Result<Entry> ChainCheck::next(const StoredEvent& event) {
  auto entry = decode_entry(event.bytes);
  if (!entry) {
    return Error(Code::kMismatch, "event {} was changed: {}", event.id.n, entry.error().message());
  }
  const bool follows = entry->id == event.id && event.id.n == head_.id.n + 1 &&
                       event.id.epoch >= head_.id.epoch && event.id.epoch > 0;
  if (!follows) {
    return Error(Code::kMismatch, "event {} does not follow {}: some are missing or were moved",
                 event.id.to_string(), head_.id.to_string());
  }
  if (!station_.empty() && entry->station != station_) {
    return Error(Code::kMismatch, "event {} is of station \"{}\", and those before of \"{}\"",
                 event.id.to_string(), entry->station, station_);
  }
  if (chain(head_.hash, event.bytes) != event.hash) {
    return Error(Code::kMismatch, "event {} or its hash was changed: the chain breaks there",
                 event.id.to_string());
  }
  head_ = {event.id, event.hash};
  station_ = entry->station;
  return entry;
}

}  // namespace gangd
