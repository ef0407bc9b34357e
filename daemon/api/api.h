// Api: the station over gRPC: one unix socket for each role, and TCP for those with a certificate.
#pragma once

#include <memory>
#include <vector>

#include "api/calls.h"
#include "api/gate.h"
#include "base/certificate.h"
#include "base/result.h"
#include "ledger/ledger.h"
#include "loop/loop.h"
#include "station/denials.h"
#include "station/station.h"
#include "station/station_config.h"

namespace gangd {

class Door;
class GrpcLog;

class Api {
 public:
  // Everything that is passed must outlive it. The folder of the sockets is made if only it is
  // missing.
  Api(Loop& loop, Station& station, Ledger& ledger, const StationConfig& config);
  // After stop().
  ~Api();

  // kBusy: another gangd answers there. kIo, kInvalid: the folder. Mistakes in [tcp] and its files
  // come back, too: a station that was to be reached over the network is.
  Task<Status> start();
  // Ends all calls; clients that do not read are cut off after seconds. co_await before
  // destruction.
  Task<> stop();

 private:
  Status open_doors();
  Status open_tcp();
  Task<> watch_health();
  Task<> watch_certificates();
  // What there is to say; nothing is kept of it.
  Task<> look_at_certificates();
  Task<> cut_slow_clients();

  Loop& loop_;
  Station& station_;
  const StationConfig& config_;
  const std::unique_ptr<Workers> doorman_;  // opening and closing sockets blocks
  Denials denials_;
  std::unique_ptr<GrpcLog> grpc_log_;
  Revoked revoked_;
  Calls calls_;
  Scope watching_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::string trouble_;  // with the certificates, as it was logged
  Instant told_;         // when
};

}  // namespace gangd
