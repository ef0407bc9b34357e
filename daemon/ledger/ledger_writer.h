// LedgerWriter: the one who writes into a ledger's file. Blocks; lives in the worker of
// SqliteLedger.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/database.h"
#include "ledger/events.h"
#include "ledger/ledger.h"
#include "ledger/ledger_lock.h"

namespace gangd {

class LedgerWriter {
 public:
  LedgerWriter(std::string file, std::string station);

  // As Ledger::open().
  Result<LedgerState> open(UtcTime now);
  // All of them in one transaction; gives the id of the first. An error: nothing is known of them,
  // and open() must come before the next.
  Result<EventId> commit(const std::vector<LedgerEvent>& events, UtcTime now);

  // As Ledger's functions of these names.
  Result<EventId> cursor(const std::string& outbox);
  Status keep_cursor(const std::string& outbox, EventId cursor);

  // Of the newest durable event that this writer knows.
  EventId newest() const { return head_.id; }

 private:
  Status open_file(UtcTime now);
  Status begin_ledger(UtcTime now);
  Status check_end();
  Status insert(const std::vector<LedgerEvent>& events, UtcTime now);
  Result<LedgerState> state();

  const std::string file_;
  const std::string station_;
  std::optional<LedgerLock> lock_;
  std::optional<Database> database_;
  Head head_;
};

}  // namespace gangd
