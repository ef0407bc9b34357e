// LedgerWriter: the one who writes into a ledger's file, and signs what it wrote. Blocks; lives in
// the worker of SqliteLedger.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/database.h"
#include "ledger/events.h"
#include "ledger/head_file.h"
#include "ledger/ledger.h"
#include "ledger/ledger_lock.h"
#include "ledger/station_key.h"

namespace gangd {

class LedgerWriter {
 public:
  // The key is made with a new ledger; one that is on record must be there.
  LedgerWriter(std::string file, std::string station, StationKey key);

  // As Ledger::open().
  Result<LedgerState> open(UtcTime now);
  // All of them in one transaction, with a signed head; gives the id of the first. An error:
  // nothing is known of them, and open() must come before the next.
  Result<EventId> commit(const std::vector<LedgerEvent>& events, UtcTime now);

  // Of the newest durable event that this writer knows.
  EventId newest() const { return head_.id; }

 private:
  Status open_file(UtcTime now);
  Status begin_ledger(UtcTime now);
  Status open_key();
  Status check_end();
  Status check_signature();
  Status check_noted();
  // With the head behind them.
  Status insert(const std::vector<LedgerEvent>& events, UtcTime now);
  Status note_head();
  Result<LedgerState> state();

  const std::string file_;
  const std::string station_;
  const StationKey key_file_;
  std::optional<LedgerLock> lock_;
  std::optional<SecretKey> key_;
  std::optional<HeadFile> head_file_;
  std::optional<Database> database_;
  Head head_;
  SignedHead signed_head_;
};

}  // namespace gangd
