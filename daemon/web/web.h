// Web: the station over HTTP on loopback: the floor page, what it asks for, and metrics.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "loop/loop.h"
#include "loop/offload.h"
#include "loop/scope.h"
#include "station/station.h"
#include "station/station_config.h"
#include "web/http_server.h"
#include "web/route.h"
#include "web/web_calls.h"

namespace gangd {

class Web {
 public:
  // Without `config` there is no server. All that is passed by reference must outlive it.
  Web(Loop& loop, Station& station, Ledger& ledger, std::string ledger_file,
      std::optional<WebConfig> config);
  // After stop().
  ~Web();

  // kBusy: the port is taken.
  Task<Status> start();
  // Ends all calls and streams. co_await before destruction.
  Task<> stop();

 private:
  std::vector<Route> make_routes();
  HttpServer::Content content();
  const Route* find(WebMethod method, const std::string& path) const;
  HttpServer::NextEvents open_feed(std::string after);
  Task<> serve();

  Loop& loop_;
  Station& station_;
  Ledger& ledger_;
  const std::optional<WebConfig> config_;
  const std::unique_ptr<Workers> doorman_;  // binding and serving block
  WebCalls calls_;
  const std::vector<Route> routes_;
  Result<std::map<std::string, WebAnswer>> pages_;
  std::optional<HttpServer> server_;
  bool serving_ = false;
  Scope serving_scope_;
};

}  // namespace gangd
