#include "ledger/mend.h"

#include <unistd.h>

#include <cstdio>

#include "ledger/events.h"
#include "ledger/head_file.h"
#include "ledger/ledger_file.h"
#include "ledger/ledger_lock.h"
#include "ledger/projections.h"
#include "ledger/small_file.h"
#include "ledger/station_key.h"

namespace gangd {
namespace {

// A ledger that nobody else has, and that is whole but for what its head file says.
class Mending {
 public:
  static Result<Mending> begin(const std::string& file, bool without_head) {
    TRY(LedgerLock lock, LedgerLock::take(file));
    LedgerWitness witness;
    witness.without_head = without_head;
    TRY(LedgerCheck check, verify_ledger(file, witness));
    TRY(Database database, open_ledger(file, Database::Access::kWrite));
    TRY_STATUS(database.execute("PRAGMA synchronous = FULL"));
    return Mending(file, std::move(lock), std::move(database), std::move(check));
  }

  // Appends the event alone, signed with `key`, and makes its head the one that is noted.
  Status append(const Entry& entry, const SecretKey& key) {
    StoredEvent stored = {entry.id, encode_entry(entry), {}};
    stored.hash = chain(check.head, stored.bytes);
    const SignedHead head = sign_head(key, check.station, entry.id, stored.hash);
    TRY_STATUS(database.execute("BEGIN IMMEDIATE"));
    TRY_STATUS(insert_event(database, stored));
    TRY_STATUS(project(database, entry));
    TRY_STATUS(insert_head(database, head));
    TRY_STATUS(database.execute("COMMIT"));
    const std::string heads = HeadFile::beside(file);
    if (unlink(heads.c_str()) != 0 && is_there(heads)) {
      return Error(Code::kIo, "{} cannot be replaced: give yourself the right to, and try again",
                   heads);
    }
    return HeadFile::make(heads, head);
  }

  const std::string file;
  LedgerLock lock;
  Database database;
  const LedgerCheck check;

 private:
  Mending(std::string file, LedgerLock lock, Database database, LedgerCheck check)
      : file(std::move(file)),
        lock(std::move(lock)),
        database(std::move(database)),
        check(std::move(check)) {}
};

}  // namespace

Result<EventId> go_on_from_copy(const std::string& ledger, const std::string& key_file,
                                const GoOn& order, UtcTime now) {
  TRY(Mending mending, Mending::begin(ledger, true));
  TRY(const SecretKey key, read_station_key(key_file));
  if (key.public_key() != mending.check.key) {
    return Error(Code::kMismatch,
                 "{} is not the key that signed ledger {}: put that one there, or "
                 "give the station another with gangctl ledger new-key first",
                 key_file, ledger);
  }
  EpochBegan event;
  event.reason = order.reason;
  EventId id = mending.check.newest;
  const auto noted = HeadFile::read(HeadFile::beside(ledger));
  const bool is_known = noted && id < noted->id;
  if (is_known) {
    event.lost = noted->id.to_string();
    event.lost_sha256 = noted->hash.hex();
    event.skipped = noted->id.n - id.n;
    id.epoch = noted->id.epoch;
  }
  if (order.skipped) event.skipped = *order.skipped;
  if (!is_known && !order.skipped) {
    return Error(Code::kInvalid,
                 "{} does not say how many events are lost: give --skip, at least as "
                 "many as boards may have been begun since this copy was made",
                 HeadFile::beside(ledger));
  }
  if (event.skipped > kNumbersSkippedMax) {
    return Error(Code::kInvalid, "--skip may be at most {}", kNumbersSkippedMax);
  }
  id = {id.epoch + 1, id.n + 1};
  // No id that was ever seen of this station comes back: its n may, its epoch does not.
  TRY_STATUS(mending.append({id, mending.check.station, now, event}, key));
  TRY_STATUS(unmark_as_copy(mending.database));
  return id;
}

Result<EventId> replace_key(const std::string& ledger, const std::string& key_file,
                            const SecretKey::Seed& seed, const std::string& reason, UtcTime now) {
  const bool knows_its_end = is_there(HeadFile::beside(ledger));
  TRY(Mending mending, Mending::begin(ledger, !knows_its_end));
  // It will have a head file, and must not pass for one that never lost it.
  if (!knows_its_end) TRY_STATUS(mark_as_copy(mending.database));
  const EventId id = {mending.check.newest.epoch, mending.check.newest.n + 1};
  const auto old = read_station_key(key_file);
  if (!old && !old.failed_with(Code::kNotFound)) return old.error();
  if (old && old->public_key() != mending.check.key) {
    return Error(Code::kMismatch,
                 "{} is not the key that signed ledger {}: put that one there, or "
                 "move this one away if that one is lost",
                 key_file, ledger);
  }
  TRY(const SecretKey key, make_station_key({key_file + ".new", seed}));
  KeyReplaced event = {key.public_key(), "", reason};
  if (old) event.signature = old->sign(key_text(mending.check.station, id, key.public_key())).hex();
  TRY_STATUS(mending.append({id, mending.check.station, now, event}, key));
  const std::string kept = fmt::format("{}.until-{}", key_file, id.to_string());
  const bool moved = (!old || std::rename(key_file.c_str(), kept.c_str()) == 0) &&
                     std::rename((key_file + ".new").c_str(), key_file.c_str()) == 0;
  if (!moved) {
    return Error(Code::kIo,
                 "the new key is on record, and {}.new could not be renamed to {}: do it "
                 "by hand",
                 key_file, key_file);
  }
  TRY_STATUS(sync_folder_of(key_file));
  return id;
}

}  // namespace gangd
