// Heartbeat: tells the supervisor that the station is ready, that its loop turns, and how it is.
#pragma once

#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/supervisor.h"
#include "station/station.h"

namespace gangd {

class Heartbeat {
 public:
  // `patience`: the supervisor restarts who is silent for longer; zero: it waits for nothing. All
  // that is passed must outlive it.
  Heartbeat(Loop& loop, Station& station, Supervisor& supervisor, Duration patience);

  // The station has started, and everything else has.
  void start();
  // The station begins to stop; the heart goes on beating.
  void announce_stop();
  // co_await before destruction.
  Task<> stop();

 private:
  Task<> beat();
  Task<> tell_status();

  Station& station_;
  Supervisor& supervisor_;
  const Duration patience_;
  Scope beating_;
};

}  // namespace gangd
