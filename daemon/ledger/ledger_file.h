// What an auditor and a technician do with a ledger's file, without gangd.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "ledger/event.h"

namespace gangd {

struct LedgerCheck {
  std::string station;
  std::uint64_t events = 0;
  EventId newest;
  Sha256Digest head;  // the last hash of the chain: who noted it elsewhere can compare
  std::uint64_t units = 0;
  std::uint64_t attempts = 0;
};

// Reads every event: canonical bytes, order without gaps, the chain, and that the projections are
// those that follow from the events. Changes nothing; works while gangd has the file. kMismatch
// names the first event that is wrong.
Result<LedgerCheck> verify_ledger(const std::string& file);

// Throws the projections away and makes them again from the events, after checking the chain.
// kBusy: a gangd has the file.
Result<LedgerCheck> rebuild_ledger(const std::string& file);

}  // namespace gangd
