// The trace of a simulated run: a line for everything that came in from outside and everything that
// was said. Two runs are the same run if their traces are, and for that the hash is enough.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string_view>

#include "base/sha256.h"
#include "loop/clock.h"

namespace gangd::sim {

class Trace {
 public:
  // Lines are also printed to `stream`, if there is one.
  explicit Trace(std::FILE* stream) : stream_(stream) {}

  void line(Instant when, std::string_view kind, std::string_view text);

  std::uint64_t lines() const { return lines_; }
  // The hash of all lines; ends the trace.
  Sha256Digest finish() { return hash_.finish(); }

 private:
  std::FILE* stream_;
  Sha256 hash_;
  std::uint64_t lines_ = 0;
};

}  // namespace gangd::sim
