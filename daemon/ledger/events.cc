#include "ledger/events.h"

#include <algorithm>

namespace gangd {
namespace {

// `gang` in the file's head: file(1) and we know it by that.
constexpr std::int64_t kApplicationId = 0x67616e67;
constexpr std::int64_t kFormat = 2;

// A table that is not STRICT would take a hash of another type. REPLACE deletes without asking the
// trigger against deleting, so inserting has its own.
constexpr std::string_view kCreate = R"(
  PRAGMA application_id = 1734438503;
  PRAGMA user_version = 2;
  CREATE TABLE event(
    seq INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    bytes TEXT NOT NULL,
    hash BLOB NOT NULL) STRICT;
  CREATE TABLE head(
    seq INTEGER PRIMARY KEY,
    signature BLOB NOT NULL) STRICT;
  CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
  CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
  CREATE TRIGGER event_follows_the_last BEFORE INSERT ON event
    WHEN NEW.seq IS NOT (SELECT ifnull(max(seq), 0) + 1 FROM event)
    BEGIN SELECT RAISE(ABORT, 'events follow one another'); END;
  CREATE TRIGGER head_is_never_changed BEFORE UPDATE ON head
    BEGIN SELECT RAISE(ABORT, 'heads are never changed'); END;
  CREATE TRIGGER head_is_never_deleted BEFORE DELETE ON head
    BEGIN SELECT RAISE(ABORT, 'heads are never deleted'); END;
  CREATE TRIGGER head_is_of_the_newest_event BEFORE INSERT ON head
    WHEN NEW.seq IS NOT (SELECT max(seq) FROM event)
      OR EXISTS(SELECT 1 FROM head WHERE seq = NEW.seq)
    BEGIN SELECT RAISE(ABORT, 'a head is of the newest event'); END;
)";

// A hash or signature of another length is a wrong one: zeros are.
template <class Fixed>
Fixed fixed(const Statement& row, int column) {
  Fixed value;
  const ByteVector bytes = row.blob(column);
  if (bytes.size() == value.bytes.size()) std::ranges::copy(bytes, value.bytes.begin());
  return value;
}

StoredEvent event_of(const Statement& row) {
  StoredEvent event;
  event.id.n = row.integer(0);
  event.id.epoch = static_cast<std::uint32_t>(row.integer(1));
  event.bytes = row.text(2);
  event.hash = fixed<Sha256Digest>(row, 3);
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

Status insert_head(Database& database, const SignedHead& head) {
  TRY(Statement insert, database.prepare("INSERT INTO head VALUES(?, ?)"));
  return insert.bind(0, head.id.n).bind(1, ByteView(head.signature.bytes)).run();
}

Status visit_signed_events(
    Database& database,
    const std::function<Status(const StoredEvent&, const std::optional<Signature>&)>& visit) {
  TRY(Statement rows,
      database.prepare("SELECT event.seq, epoch, bytes, hash, signature FROM event "
                       "LEFT JOIN head ON head.seq = event.seq ORDER BY event.seq"));
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) break;
    std::optional<Signature> signature;
    if (!rows.is_null(4)) signature = fixed<Signature>(rows, 4);
    TRY_STATUS(visit(event_of(rows), signature));
  }
  TRY(const std::int64_t strays,
      database.integer("SELECT seq FROM head WHERE seq NOT IN (SELECT seq FROM event) LIMIT 1"));
  if (strays != 0) {
    return Error(Code::kMismatch,
                 "a head was signed at event {}, and there is no such event: some "
                 "were taken away",
                 strays);
  }
  return {};
}

Result<std::optional<Signature>> signature_at(Database& database, EventId id) {
  std::optional<Signature> signature;
  TRY(Statement row, database.prepare("SELECT signature FROM head WHERE seq = ?"));
  TRY(const bool has_row, row.bind(0, id.n).step());
  if (has_row) signature = fixed<Signature>(row, 0);
  return signature;
}

Result<std::optional<Sha256Digest>> hash_at(Database& database, EventId id) {
  std::optional<Sha256Digest> hash;
  TRY(Statement row, database.prepare("SELECT hash FROM event WHERE seq = ? AND epoch = ?"));
  TRY(const bool has_row, row.bind(0, id.n).bind(1, std::uint64_t{id.epoch}).step());
  if (has_row) hash = fixed<Sha256Digest>(row, 0);
  return hash;
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
  // Only a ledger that goes on from an older copy changes its epoch.
  const bool may_leap = head_.id.n == 0 || std::holds_alternative<EpochBegan>(entry->event);
  const bool follows =
      entry->id == event.id && event.id.n == head_.id.n + 1 &&
      (may_leap ? event.id.epoch > head_.id.epoch : event.id.epoch == head_.id.epoch);
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
