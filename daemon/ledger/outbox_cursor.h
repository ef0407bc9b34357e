// How far each outbox has got: a table beside the record, that follows from nothing in it.
#pragma once

#include <string>

#include "base/result.h"
#include "ledger/database.h"
#include "ledger/event.h"

namespace gangd {

// Makes the table if it is missing.
Status ensure_outbox_cursors(Database& database);

// {0, 0} when there is none.
Result<EventId> read_outbox_cursor(Database& database, const std::string& outbox);
Status write_outbox_cursor(Database& database, const std::string& outbox, EventId cursor);

}  // namespace gangd
