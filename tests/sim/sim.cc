// sim: runs simulated worlds, one line for each seed.
#include <fmt/core.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "tests/sim/heap_order.h"
#include "tests/sim/world.h"

namespace gangd::sim {
namespace {

constexpr std::string_view kUsage =
    "usage: sim --seed N [--trace]\n"
    "       sim --seed N --seeds COUNT\n"
    "  --seed N        the seed to run, or the first of them\n"
    "  --seeds COUNT   how many, from there on (1)\n"
    "  --trace         print all that came in and was said, on standard output\n"
    "  --world NAME    run this world and no other\n"
    "  --heap-salt N   hand out memory in another order; the trace must not notice (0: as it is)\n"
    "Prints for each seed: world, seed, hash of its trace, lines, virtual seconds, and `ok` or "
    "the\n"
    "promises that were broken. Exit status 1 if one was.\n";

struct Options {
  std::uint64_t seed = 0;
  std::uint64_t seeds = 1;
  std::uint64_t heap_salt = 0;
  std::string_view world;
  bool trace = false;
};

Result<std::uint64_t> parse_number(std::string_view name, const char* text) {
  char* end = nullptr;
  errno = 0;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0) {
    return Error(Code::kInvalid, "{} needs a number, not `{}`", name, text);
  }
  return value;
}

Result<Options> parse(int argc, char** argv) {
  Options options;
  bool has_seed = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--trace") {
      options.trace = true;
      continue;
    }
    if (i + 1 == argc) return Error(Code::kInvalid, "`{}` is unknown or lacks its value", name);
    const char* value = argv[++i];
    if (name == "--world") {
      options.world = value;
      continue;
    }
    TRY(const std::uint64_t number, parse_number(name, value));
    if (name == "--seed") {
      options.seed = number;
      has_seed = true;
    } else if (name == "--seeds") {
      options.seeds = number;
    } else if (name == "--heap-salt") {
      options.heap_salt = number;
    } else {
      return Error(Code::kInvalid, "`{}` is unknown", name);
    }
  }
  if (!has_seed) return Error(Code::kInvalid, "--seed is missing");
  return options;
}

// Whether all promises held.
bool run_seed(const WorldKind& kind, std::uint64_t seed, bool trace) {
  const RunOutcome outcome = run_world(kind, seed, trace ? stdout : nullptr);
  std::string verdict;
  for (const std::string& text : outcome.broken) verdict += " BROKEN: " + text + ";";
  if (verdict.empty()) verdict = " ok";
  fmt::print("{} {} {} {} {:.3f}{}\n", kind.name, seed, outcome.trace.hex(), outcome.lines,
             std::chrono::duration<double>(outcome.virtual_time).count(), verdict);
  // Whoever reads this must know which seed was the last to end, if the next one aborts.
  std::fflush(stdout);
  return outcome.broken.empty();
}

int run(const Options& options) {
  salt_heap(options.heap_salt);
  bool found = false;
  bool all_held = true;
  for (const WorldKind& kind : world_kinds()) {
    if (options.world.empty() ? !kind.by_default : kind.name != options.world) continue;
    found = true;
    for (std::uint64_t i = 0; i < options.seeds; ++i) {
      all_held &= run_seed(kind, options.seed + i, options.trace);
    }
  }
  if (!found) {
    fmt::print(stderr, "sim: there is no world `{}`; there are:", options.world);
    for (const WorldKind& kind : world_kinds()) fmt::print(stderr, " {}", kind.name);
    fmt::print(stderr, "\n");
    return 2;
  }
  return all_held ? 0 : 1;
}

}  // namespace
}  // namespace gangd::sim

int main(int argc, char** argv) {
  const auto options = gangd::sim::parse(argc, argv);
  if (!options) {
    fmt::print(stderr, "sim: {}\n{}", options.error().message(), gangd::sim::kUsage);
    return 2;
  }
  return gangd::sim::run(*options);
}
