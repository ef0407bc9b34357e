// A world: tasks on a simulated machine, and the promises that must hold whatever happens to them.
// One seed decides everything that does.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "tests/sim/prng.h"
#include "tests/sim/sim_port.h"
#include "tests/sim/trace.h"

namespace gangd::sim {

class World {
 public:
  // The trace is also printed to `stream`, if there is one.
  World(std::uint64_t seed, std::FILE* stream);

  std::uint64_t seed() const { return seed_; }
  SimPort& port() { return port_; }
  Loop& loop() { return loop_; }
  // What the world itself throws: how many boards, which faults, when.
  Prng& dice() { return dice_; }

  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    port_.note(fmt::format(format, std::forward<Args>(args)...));
  }

  // A promise of the product. The run goes on, so that the trace shows what became of it.
  void promise(bool holds, std::string_view text);

  const std::vector<std::string>& broken() const { return broken_; }
  Trace& trace() { return trace_; }

 private:
  const std::uint64_t seed_;
  Prng dice_;
  Trace trace_;
  SimPort port_;
  Loop loop_;
  std::vector<std::string> broken_;
};

struct WorldKind {
  std::string_view name;
  Task<> (*run)(World& world);
  // Run when no world is named. A planted fault is not.
  bool by_default;
};

// Every world there is: worlds.cc, a line each.
const std::vector<WorldKind>& world_kinds();

struct RunOutcome {
  Sha256Digest trace;
  std::uint64_t lines;
  Duration virtual_time;
  std::vector<std::string> broken;
};

RunOutcome run_world(const WorldKind& kind, std::uint64_t seed, std::FILE* trace_stream);

}  // namespace gangd::sim
