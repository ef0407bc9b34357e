// What a benchmark prints: a line for each case, for people or as JSON, and whether any missed.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace gangd::bench {

// What the benchmarks in virtual time are told.
struct BenchOptions {
  bool json = false;
  std::string only;  // part of the names of the cases that are wanted
  std::string plot;  // the SVG to write
};

// None: the command line is wrong, and stderr says how it should be.
inline std::optional<BenchOptions> parse_bench_options(int argc, char** argv) {
  BenchOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--json") {
      options.json = true;
    } else if (option == "--case" && i + 1 < argc) {
      options.only = argv[++i];
    } else if (option == "--plot" && i + 1 < argc) {
      options.plot = argv[++i];
    } else {
      fmt::print(stderr, "usage: {} [--json] [--case PART_OF_A_NAME] [--plot FILE.svg]\n", argv[0]);
      return std::nullopt;
    }
  }
  return options;
}

class Report {
 public:
  explicit Report(bool json) : json_(json) {}

  // A ratio above its limit is a miss; without a limit it is told and no more.
  void print(std::string_view name, double ratio, std::optional<double> limit,
             std::string_view detail) {
    const bool missed = limit && ratio > *limit;
    missed_ |= missed;
    const std::string limit_text = limit ? fmt::format("{:.4g}", *limit) : "null";
    if (json_) {
      fmt::print("{{\"case\":\"{}\",\"ratio\":{:.4f},\"limit\":{}}}\n", name, ratio, limit_text);
    } else {
      const std::string judged =
          !limit ? "" : fmt::format(" ({} {})", missed ? "MISSES" : "<=", limit_text);
      fmt::print("{:<56} {:7.4f}{}  {}\n", name, ratio, judged, detail);
    }
    std::fflush(stdout);
  }
  void fail(std::string_view name, std::string_view why) {
    missed_ = true;
    fmt::print(stderr, "{}: {}\n", name, why);
  }
  bool missed() const { return missed_; }

 private:
  const bool json_;
  bool missed_ = false;
};

}  // namespace gangd::bench
