// The station's questions and reports as messages of gang.mes.v1. What boards and files say may
// hold anything; the strings of a message are UTF-8, or other languages refuse all of it.
#pragma once

#include <gang/mes/v1/mes.pb.h>

#include <string>

#include "station/mes_link.h"

namespace gangd {

gang::mes::v1::AuthorizeUnitRequest to_proto(const MesUnit& unit, const std::string& station);
gang::mes::v1::LeaseSerialsRequest to_proto(const MesLease& lease, const std::string& station);
gang::mes::v1::ReportUnitRequest to_proto(const MesReport& report, const std::string& station);

}  // namespace gangd
