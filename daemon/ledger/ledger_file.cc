#include "ledger/ledger_file.h"

#include <cstdio>

#include "ledger/events.h"
#include "ledger/head_file.h"
#include "ledger/ledger_lock.h"
#include "ledger/projections.h"
#include "ledger/qualifications.h"
#include "ledger/signed_chain.h"
#include "ledger/small_file.h"

namespace gangd {

Result<Database> open_ledger(const std::string& file, Database::Access access) {
  if (!is_there(file)) {
    return Error(Code::kNotFound, "there is no ledger {}: name the file of an existing one", file);
  }
  TRY(Database database, Database::open(file, access));
  TRY(const bool is_ledger, holds_ledger(database));
  if (!is_ledger) return Error(Code::kMismatch, "{} is empty: no ledger was begun in it", file);
  return database;
}

namespace {

// Checks every event of `from`, and projects it into `into`.
Result<LedgerCheck> replay(Database& from, Database& into, SignedChainCheck::Witnesses witnesses) {
  SignedChainCheck chain(std::move(witnesses));
  LedgerCheck check;
  TRY_STATUS(visit_signed_events(
      from, [&](const StoredEvent& event, const std::optional<Signature>& signature) -> Status {
        TRY(const Entry entry, chain.next(event, signature));
        TRY_STATUS(project(into, entry));
        ++check.events;
        return {};
      }));
  TRY_STATUS(chain.finish());
  check.station = chain.station();
  check.newest = chain.head().id;
  check.head = chain.head().hash;
  check.key = chain.key();
  check.heads = chain.heads();
  TRY(const std::int64_t units, into.integer("SELECT count(*) FROM unit"));
  TRY(const std::int64_t attempts, into.integer("SELECT count(*) FROM attempt"));
  check.units = static_cast<std::uint64_t>(units);
  check.attempts = static_cast<std::uint64_t>(attempts);
  return check;
}

Result<SignedChainCheck::Witnesses> witnesses_of(const std::string& file,
                                                 const LedgerWitness& witness) {
  SignedChainCheck::Witnesses witnesses;
  witnesses.pinned = witness.key;
  if (witness.without_head) return witnesses;
  const bool is_given = !witness.head_file.empty();
  auto head = HeadFile::read(is_given ? witness.head_file : HeadFile::beside(file));
  if (head.failed_with(Code::kNotFound) && !is_given) {
    return Error(Code::kMismatch,
                 "{} is gone, and without it nobody knows whether the end was cut off: give "
                 "--head with a signed head that was noted elsewhere, or --without-head to check "
                 "all but that",
                 HeadFile::beside(file));
  }
  if (!head) return std::move(head).error();
  witnesses.heads.push_back(*std::move(head));
  return witnesses;
}

Result<LedgerCheck> verify(Database& ledger, SignedChainCheck::Witnesses witnesses) {
  TRY(Database made, Database::open(":memory:", Database::Access::kWrite));
  TRY_STATUS(create_projections(made));
  TRY_STATUS(ensure_qualifications_are_readable(ledger));
  TRY(LedgerCheck check, replay(ledger, made, std::move(witnesses)));
  TRY_STATUS(compare_projections(ledger, made));
  return check;
}

Result<LedgerCheck> rebuild(Database& ledger) {
  TRY_STATUS(ledger.execute("BEGIN IMMEDIATE"));
  TRY_STATUS(drop_projections(ledger));
  TRY_STATUS(create_projections(ledger));
  TRY(LedgerCheck check, replay(ledger, ledger, {}));
  TRY_STATUS(ledger.execute("COMMIT"));
  return check;
}

}  // namespace

Result<LedgerCheck> verify_ledger(const std::string& file, const LedgerWitness& witness) {
  TRY(Database ledger, open_ledger(file, Database::Access::kRead));
  // Noted before the ledger is read, so that gangd may go on meanwhile.
  TRY(auto witnesses, witnesses_of(file, witness).with_context("ledger " + file));
  // One transaction sees one state of the file, whatever gangd appends meanwhile.
  TRY_STATUS(ledger.execute("BEGIN"));
  return verify(ledger, std::move(witnesses)).with_context("ledger " + file);
}

namespace {

// `half` is a ledger of its own when it returns.
Status copy_ledger(const std::string& file, const std::string& half) {
  {
    TRY(Database ledger, open_ledger(file, Database::Access::kRead));
    TRY(Database copy, Database::open(half, Database::Access::kWrite));
    TRY_STATUS(ledger.copy_to(copy));
    TRY_STATUS(mark_as_copy(copy));
    // One file, which can also be read where nobody may write.
    TRY_STATUS(copy.execute("PRAGMA journal_mode = DELETE"));
  }
  return sync_file(half);
}

Result<SignedHead> newest_head(const std::string& file, const std::string& station) {
  TRY(Database ledger, open_ledger(file, Database::Access::kRead));
  TRY(const Head head, head_of(ledger));
  TRY(const auto signature, signature_at(ledger, head.id));
  return SignedHead{station, head.id, head.hash, signature.value_or(Signature())};
}

}  // namespace

Result<LedgerCheck> back_up_ledger(const std::string& file, const std::string& copy) {
  const std::string heads = HeadFile::beside(copy);
  for (const std::string& taken : {copy, heads}) {
    if (is_there(taken)) return Error(Code::kBusy, "{} is there already: name another", taken);
  }
  TRY(const auto witnesses, witnesses_of(file, {}));
  const std::string half = copy + ".half";
  std::remove(half.c_str());
  Status copied = copy_ledger(file, half);
  auto check = [&]() -> Result<LedgerCheck> {
    if (!copied) return std::move(copied).error();
    TRY(Database made, open_ledger(half, Database::Access::kRead));
    return verify(made, witnesses).with_context("the copy of ledger " + file);
  }();
  if (!check) {
    std::remove(half.c_str());
    return check;
  }
  TRY(const SignedHead head, newest_head(half, check->station));
  TRY_STATUS(HeadFile::make(heads, head));
  if (std::rename(half.c_str(), copy.c_str()) != 0) {
    return Error(Code::kIo, "{} cannot be made: look after the disk", copy);
  }
  TRY_STATUS(sync_folder_of(copy));
  return check;
}

Result<LedgerCheck> rebuild_ledger(const std::string& file) {
  if (!is_there(file)) {
    return Error(Code::kNotFound, "there is no ledger {}: name the file of an existing one", file);
  }
  TRY(const LedgerLock lock, LedgerLock::take(file));
  TRY(Database ledger, open_ledger(file, Database::Access::kWrite));
  TRY_STATUS(ledger.execute("PRAGMA synchronous = FULL"));
  return rebuild(ledger).with_context("ledger " + file);
}

}  // namespace gangd
