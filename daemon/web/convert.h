// The station's values and the ledger's rows as the pages read them. Names are those of gang.v1;
// verdicts and states are words: `PASS`, `running`.
#pragma once

#include <string>

#include "ledger/ledger_reader.h"
#include "station/view.h"

namespace gangd {

std::string to_json(const StationView& view);
std::string to_json(const SlotView& view);
std::string to_json(const JobView& view);
std::string to_json(const AttemptRow& row);
// Without its attempts.
std::string to_json(const UnitRow& row);

}  // namespace gangd
