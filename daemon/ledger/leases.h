// The projection of leases: which numbers of which pools the MES gave this station.
#pragma once

#include <vector>

#include "base/result.h"
#include "ledger/database.h"
#include "ledger/event.h"
#include "ledger/ledger.h"

namespace gangd {

// Makes the table if it is missing.
Status ensure_leases(Database& database);

// kMismatch: some of these numbers were given before.
Status project_lease(Database& database, EventId event, const SerialsLeased& lease);

// All that there were, oldest first, and how far each is used up.
Result<std::vector<SerialLease>> read_leases(Database& database);

}  // namespace gangd
