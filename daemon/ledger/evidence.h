// What proves one unit's history to somebody who has neither the ledger nor our software: its
// records, and for each the way to a signed head. Other units take part by hashes alone. Blocks.
#pragma once

#include <string>

#include "base/result.h"

namespace gangd {

// JSON, as FORMAT.md says and deploy/audit/verify.py checks. `unit` is a UID or a serial.
// kNotFound: the ledger has no such unit. kInvalid: several have this serial. kMismatch: the ledger
// is damaged.
Result<std::string> evidence_of(const std::string& ledger, const std::string& unit);

}  // namespace gangd
