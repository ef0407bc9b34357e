// The files of [tcp] in station.toml, looked at before anybody uses them: a mistake is one clear
// sentence, and not a client that cannot connect.
#pragma once

#include <chrono>
#include <set>
#include <string>

#include "base/certificate.h"
#include "station/station_config.h"

namespace gangd {

// An error that says which file, and what to do. Blocks.
Result<Certificate> check_tcp_files(const TcpConfig& tcp, std::chrono::sys_seconds now);
// The serials that the CRL revokes; none if there is no file for it. Blocks.
Result<std::set<std::string>> read_revoked(const TcpConfig& tcp, std::chrono::sys_seconds now);
// That somebody can listen there. Blocks.
Status check_listen(const std::string& address);

}  // namespace gangd
