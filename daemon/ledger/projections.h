// Projections: tables that answer questions fast, and that follow from the events alone. Written in
// the transaction of the event, thrown away and made again by `gangctl ledger rebuild`.
#pragma once

#include <string>

#include "base/result.h"
#include "ledger/database.h"
#include "ledger/event.h"

namespace gangd {

Status create_projections(Database& database);
Status drop_projections(Database& database);

// What follows from one event. kMismatch: it contradicts those before it; a number would be given
// twice, or something ends that did not begin.
Status project(Database& database, const Entry& entry);

// kMismatch names the table and row in which the two differ.
Status compare_projections(Database& kept, Database& made);

}  // namespace gangd
