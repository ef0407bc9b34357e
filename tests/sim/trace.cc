#include "tests/sim/trace.h"

#include <fmt/core.h>

#include <string>

namespace gangd::sim {

void Trace::line(Instant when, std::string_view kind, std::string_view text) {
  const auto ns = when.time_since_epoch().count();
  const std::string line =
      fmt::format("{}.{:09} {} {}\n", ns / 1'000'000'000, ns % 1'000'000'000, kind, text);
  hash_.update(as_bytes(line));
  ++lines_;
  if (stream_ != nullptr) std::fputs(line.c_str(), stream_);
}

}  // namespace gangd::sim
