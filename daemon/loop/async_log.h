// The log of the real daemon: lines are written by a thread of spdlog's, so that no disk and no
// journal ever blocks the loop.
#pragma once

#include <cstdio>
#include <memory>
#include <string_view>

#include "loop/port.h"

namespace gangd {

class AsyncLog {
 public:
  // Writes to `stream`, which must outlive it, what is at least as severe as `least`.
  AsyncLog(std::FILE* stream, Severity least);
  // Writes what is still queued.
  ~AsyncLog();
  AsyncLog(const AsyncLog&) = delete;
  AsyncLog& operator=(const AsyncLog&) = delete;

  // From any thread; never blocks. With kLinesMax lines queued the oldest is lost, and the next
  // line written says how many were.
  void write(Severity severity, std::string_view line);

  static constexpr std::size_t kLinesMax = 8192;

 private:
  class Spdlog;
  std::unique_ptr<Spdlog> spdlog_;
};

}  // namespace gangd
