#include "station/heartbeat.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "loop/sleep.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// A board that is written changes the view many times in a second.
constexpr Duration kStatusPause = 1s;

std::string status_of(const Station& station) {
  const StationView view = station.view();
  std::string status = "taking boards";
  if (!view.taking) status = "takes no boards: " + view.trouble;
  // A line ends the message's field.
  std::ranges::replace(status, '\n', ' ');
  return status;
}

}  // namespace

Heartbeat::Heartbeat(Loop& loop, Station& station, Supervisor& supervisor, Duration patience)
    : station_(station),
      supervisor_(supervisor),
      patience_(patience),
      beating_(loop, "heartbeat") {}

void Heartbeat::start() {
  supervisor_.tell("READY=1");
  if (patience_ > Duration::zero()) beating_.spawn("beat", beat());
  beating_.spawn("status", tell_status());
}

void Heartbeat::announce_stop() {
  supervisor_.tell("STOPPING=1\nSTATUS=ending what runs, and recording it");
}

Task<> Heartbeat::stop() {
  beating_.cancel();
  co_await beating_.join();
}

Task<> Heartbeat::beat() {
  while (true) {
    supervisor_.tell("WATCHDOG=1");
    if (!co_await sleep_for(patience_ / 2)) co_return;
  }
}

Task<> Heartbeat::tell_status() {
  std::string told;
  while (true) {
    const std::uint64_t seen = station_.revision();
    const std::string status = status_of(station_);
    if (status != told) supervisor_.tell("STATUS=" + status);
    told = status;
    if (!co_await sleep_for(kStatusPause)) co_return;
    if (!co_await station_.changed(seen)) co_return;
  }
}

}  // namespace gangd
