// The station's values and the ledger's rows as messages. Names of files, and what boards say, may
// hold anything; the strings of a message are UTF-8, or other languages refuse all of it.
#pragma once

#include <gang/v1/gang.pb.h>

#include <optional>

#include "ledger/ledger_reader.h"
#include "station/qualification.h"
#include "station/view.h"

namespace gangd {

gang::v1::StationState to_proto(const StationView& view);
gang::v1::Slot to_proto(const SlotView& view);
gang::v1::Job to_proto(const JobRow& row);
gang::v1::Attempt to_proto(const AttemptRow& row);
gang::v1::Unit to_proto(const UnitRow& row);
gang::v1::Qualification to_proto(const QualificationView& view);
gang::v1::LedgerEvent to_proto(const StoredEvent& event);

// Nothing for VERDICT_UNSPECIFIED. kInvalid for a number that has no name.
Result<std::optional<Verdict>> verdict_of(gang::v1::Verdict verdict);

}  // namespace gangd
