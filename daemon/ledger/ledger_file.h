// What an auditor and a technician do with a ledger's file, without gangd.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ed25519.h"
#include "base/result.h"
#include "ledger/event.h"

namespace gangd {

struct LedgerCheck {
  std::string station;
  std::uint64_t events = 0;
  EventId newest;
  Sha256Digest head;  // the last hash of the chain: who noted it elsewhere can compare
  PublicKey key;      // that signed it
  std::uint64_t heads = 0;
  std::uint64_t units = 0;
  std::uint64_t attempts = 0;
};

// What is known of a ledger from elsewhere.
struct LedgerWitness {
  // A file with a signed head; empty: the one beside the ledger, which must be there.
  std::string head_file;
  // No head is asked for: that the end was cut off will not be found.
  bool without_head = false;
  // The station's key, or one before it.
  std::optional<PublicKey> key;
};

// Reads every event: canonical bytes, order without gaps, the chain, the signed heads, that the end
// is the one that was noted, and that the projections are those that follow from the events.
// Changes nothing; works while gangd has the file. kMismatch names the first event that is wrong.
Result<LedgerCheck> verify_ledger(const std::string& file, const LedgerWitness& witness = {});

// Throws the projections away and makes them again from the events, after checking the chain.
// kBusy: a gangd has the file.
Result<LedgerCheck> rebuild_ledger(const std::string& file);

}  // namespace gangd
