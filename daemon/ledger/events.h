// The tables of events and of signed heads: what is true by itself in the ledger's file. FORMAT.md
// tells an auditor the same.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "ledger/database.h"
#include "ledger/event.h"
#include "ledger/signed_head.h"

namespace gangd {

// Marks the file as a ledger, and makes the tables, which from then on only grow.
Status create_events(Database& database);
// False: the file is empty. kMismatch: it is no ledger, or one of another format.
Result<bool> holds_ledger(Database& database);

Status insert_event(Database& database, const StoredEvent& event);

// Visits the events that follow `after`, oldest first, until there are no more, the visitor gives
// an error, or `events_max` were visited.
Status visit_events(Database& database, EventId after, std::size_t events_max,
                    const std::function<Status(const StoredEvent&)>& visit);

// Of the newest event, when all of its transaction is there.
Status insert_head(Database& database, const SignedHead& head);

// The same with the signature of the head that ends there, if one does. kMismatch: a head stands
// where no event is.
Status visit_signed_events(
    Database& database,
    const std::function<Status(const StoredEvent&, const std::optional<Signature>&)>& visit);

// Nothing when no head ends at `id`.
Result<std::optional<Signature>> signature_at(Database& database, EventId id);
// The hash at `id`; nothing when there is no such event.
Result<std::optional<Sha256Digest>> hash_at(Database& database, EventId id);

// {0, 0} and the hash before the first event, when there is none.
struct Head {
  EventId id;
  Sha256Digest hash;
};
Result<Head> head_of(Database& database);

// Checks events one after another, as they were written: canonical, numbered without a gap, of one
// station, each with the hash that the chain demands. SignedChainCheck looks after signatures, too.
class ChainCheck {
 public:
  // From the first event on.
  ChainCheck() = default;
  // From the one after `before`, which is believed.
  explicit ChainCheck(Head before) : head_(before) {}

  Result<Entry> next(const StoredEvent& event);

  const Head& head() const { return head_; }
  // Empty before the first.
  const std::string& station() const { return station_; }

 private:
  Head head_;
  std::string station_;
};

}  // namespace gangd
