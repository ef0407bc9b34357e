// Api: the station over gRPC, on one unix socket for each role.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/calls.h"
#include "base/result.h"
#include "ledger/ledger.h"
#include "loop/loop.h"
#include "station/station.h"

namespace gangd {

class Api {
 public:
  // Everything that is passed must outlive it. `sockets` is a folder, made if only it is missing.
  Api(Loop& loop, Station& station, Ledger& ledger, std::string ledger_file, std::string sockets);
  // After stop().
  ~Api();

  // kBusy: another gangd answers there. kIo, kInvalid: the folder.
  Task<Status> start();
  // Ends all calls; clients that do not read are cut off after seconds. co_await before
  // destruction.
  Task<> stop();

 private:
  class Door;

  Status open_doors();
  Task<> watch_health();
  Task<> cut_slow_clients();

  Loop& loop_;
  Station& station_;
  const std::string sockets_;
  const std::unique_ptr<Workers> doorman_;  // opening and closing sockets blocks
  Calls calls_;
  Scope watching_;
  std::vector<std::unique_ptr<Door>> doors_;
};

}  // namespace gangd
