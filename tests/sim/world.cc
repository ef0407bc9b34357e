#include "tests/sim/world.h"

#include <algorithm>

namespace gangd::sim {

World::World(std::uint64_t seed, std::FILE* stream)
    : seed_(seed), dice_(seed), trace_(stream), port_(dice_.next(), trace_), loop_(port_) {}

void World::promise(bool holds, std::string_view text) {
  if (holds) return;
  // Checked at every step, a broken promise stays broken: once is enough.
  if (std::find(broken_.begin(), broken_.end(), text) != broken_.end()) return;
  note("BROKEN: {}", text);
  broken_.emplace_back(text);
}

RunOutcome run_world(const WorldKind& kind, std::uint64_t seed, std::FILE* trace_stream) {
  World world(seed, trace_stream);
  world.loop().run(kind.run(world));
  const Duration virtual_time = world.loop().now().time_since_epoch();
  return {world.trace().finish(), world.trace().lines(), virtual_time, world.broken()};
}

}  // namespace gangd::sim
