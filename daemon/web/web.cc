#include "web/web.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "ledger/canonical_json.h"
#include "loop/sleep.h"
#include "web/convert.h"
#include "web/feed.h"
#include "web/json_text.h"
#include "web/metrics.h"
#include "web/pages.h"
#include "web/units.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kJson = "application/json";
// Whoever stands at the station.
constexpr std::string_view kRole = "operator";
// Between two attempts to make the last clients go.
constexpr Duration kStopPause = 20ms;

// Where there is a page, nobody asks for this.
Task<Result<WebAnswer>> say_no_pages(const Result<std::map<std::string, WebAnswer>>& pages) {
  co_return pages ? Error(Code::kNotFound, "there is no page") : pages.error();
}

Task<Result<WebAnswer>> show_station(Station& station) {
  std::vector<std::string> slots;
  for (const SlotView& slot : station.slots()) slots.push_back(to_json(slot));
  std::vector<std::string> jobs;
  for (const JobView& job : station.jobs()) jobs.push_back(to_json(job));
  co_return WebAnswer{std::string(kJson), JsonObject()
                                              .json("station", to_json(station.view()))
                                              .json("slots", json_array(slots))
                                              .json("jobs", json_array(jobs))
                                              .end()};
}

Task<Result<WebAnswer>> show_metrics(Station& station) {
  co_return WebAnswer{
      std::string(kMetricsType),
      render_metrics(station.view(), station.slots(), station.jobs(), station.counters())};
}

// { "request_id": ..., "slot": ..., "attempt": ... }
Task<Result<WebAnswer>> acknowledge(Station& station, WebRequest request) {
  CO_TRY(const Json body, parse_json(request.body));
  const auto text = [&body](std::string_view name) {
    const Json* member = body.find(name);
    const auto* held = member == nullptr ? nullptr : std::get_if<std::string>(&member->value);
    return held == nullptr ? std::string() : *held;
  };
  CO_TRY(const EventId attempt, EventId::parse(text("attempt")));
  CO_TRY_STATUS(co_await station.acknowledge(
      {text("request_id"), std::string(kRole), text("slot"), attempt}));
  co_return WebAnswer{std::string(kJson), "{}"};
}

}  // namespace

// The table of what is served beside the pages and the stream.
std::vector<Route> Web::make_routes() {
  return {
      {WebMethod::kGet, "/", [this](WebRequest) { return say_no_pages(pages_); }},
      {WebMethod::kGet, "/api/station", [this](WebRequest) { return show_station(station_); }},
      {WebMethod::kGet, "/metrics", [this](WebRequest) { return show_metrics(station_); }},
      {WebMethod::kGet, "/api/units",
       [this](WebRequest request) { return find_units(calls_, std::move(request)); }},
      {WebMethod::kGet, "/api/unit",
       [this](WebRequest request) { return show_unit(calls_, std::move(request)); }},
      {WebMethod::kGet, "/api/evidence",
       [this](WebRequest request) { return show_evidence(calls_, std::move(request)); }},
      {WebMethod::kPost, "/api/acknowledge",
       [this](WebRequest request) { return acknowledge(station_, std::move(request)); }},
  };
}

Web::Web(Loop& loop, Station& station, Ledger& ledger, std::string ledger_file,
         std::optional<WebConfig> config)
    : loop_(loop),
      station_(station),
      ledger_(ledger),
      config_(std::move(config)),
      doorman_(loop.port().start_workers("web", 2)),
      calls_(loop, std::move(ledger_file)),
      routes_(make_routes()),
      serving_scope_(loop, "web") {}

Web::~Web() = default;

Task<Status> Web::start() {
  if (!config_) co_return Status();
  pages_ = co_await offload(*doorman_, [folder = config_->pages] { return read_pages(folder); });
  if (!pages_) loop_.log(Severity::kWarning, "no floor page: {}", pages_.error().message());
  server_.emplace(content());
  CO_TRY(const int port,
         co_await offload(*doorman_, [this, port = config_->port] { return server_->bind(port); }));
  calls_.start();
  serving_ = true;
  serving_scope_.spawn("serve", serve());
  loop_.log(Severity::kInfo, "floor page: http://127.0.0.1:{}/", port);
  co_return Status();
}

Task<> Web::serve() {
  (void)co_await offload(*doorman_, [this] { server_->serve(); });
  serving_ = false;
}

Task<> Web::stop() {
  if (!server_) co_return;
  co_await calls_.stop();
  while (serving_) {
    (void)co_await offload(*doorman_, [this] { server_->stop(); });
    if (serving_) (void)co_await sleep_for(kStopPause);
  }
  co_await serving_scope_.join();
}

HttpServer::Content Web::content() {
  HttpServer::Content content;
  content.find = [this](WebMethod method, const std::string& path) { return find(method, path); };
  content.answer = [this](const Route& route, WebRequest request) {
    return calls_.ask<WebAnswer>(
        [&route, request = std::move(request)] { return route.answer(request); });
  };
  content.page = [this](const std::string& path) -> const WebAnswer* {
    if (!pages_) return nullptr;
    const auto page = pages_->find(path);
    return page == pages_->end() ? nullptr : &page->second;
  };
  content.stream_path = "/api/stream";
  content.stream = [this](std::string after) { return open_feed(std::move(after)); };
  return content;
}

const Route* Web::find(WebMethod method, const std::string& path) const {
  const auto route = std::ranges::find_if(
      routes_, [&](const Route& each) { return each.method == method && each.path == path; });
  return route == routes_.end() ? nullptr : &*route;
}

HttpServer::NextEvents Web::open_feed(std::string after) {
  // The library copies the function that owns it; at any time one thread or the loop works on it.
  auto feed = std::make_shared<Feed>(calls_, station_, ledger_, std::move(after));
  return [this, feed] { return calls_.ask<std::string>([feed] { return feed->next(); }); };
}

}  // namespace gangd
