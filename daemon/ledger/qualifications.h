// What follows from the events of qualifications: which are going on, which kinds of board were
// qualified, and which attempts were made under that. In the transaction of the event.
#pragma once

#include <vector>

#include "base/result.h"
#include "ledger/database.h"
#include "ledger/event.h"
#include "ledger/ledger.h"

namespace gangd {

// Ledgers that were begun before there were qualifications lack the tables.
Status ensure_qualifications(Database& database);
// The same for one that is only read: it has none then.
Status ensure_qualifications_are_readable(Database& database);

Status project_qualification(Database& database, EventId event, const QualificationStarted& began);
Status project_qualification(Database& database, EventId event, const QualificationStep& step);
Status project_qualification(Database& database, EventId event, const BoardQualified& qualified);
Status project_qualification(Database& database, EventId event, const AttemptEnded& end);

// The ids of all BoardQualified, oldest first.
Result<std::vector<EventId>> read_qualified(Database& database);
// What was begun and has not come to its end, oldest first.
Result<std::vector<OpenQualification>> read_open_qualifications(Database& database);

}  // namespace gangd
