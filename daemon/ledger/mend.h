// What a technician does to a ledger when something was lost, on record. No gangd may run. Blocks.
#pragma once

#include <optional>
#include <string>

#include "base/ed25519.h"
#include "base/result.h"
#include "ledger/event.h"

namespace gangd {

struct GoOn {
  std::string reason;
  // So many numbers of each pool are not given again: at least as many as units may have got since
  // the copy. Nothing: as many as events are lost, if the head file says how many.
  std::optional<std::uint64_t> skipped;
};

// Makes a copy of a ledger, older than what the station knows of it, the one that goes on: begins a
// new epoch and makes its head the one that counts. Gives the id of that event. kInvalid: how many
// numbers to skip must be given. kBusy: a gangd has the file. kMismatch: the copy is not whole.
Result<EventId> go_on_from_copy(const std::string& ledger, const std::string& key_file,
                                const GoOn& order, UtcTime now);

// Gives the station another key. The one before is kept beside it, with the event's id in its name,
// and signs for the new one; if it is lost, nobody does, and who checks the ledger must be told.
Result<EventId> replace_key(const std::string& ledger, const std::string& key_file,
                            const SecretKey::Seed& seed, const std::string& reason, UtcTime now);

}  // namespace gangd
