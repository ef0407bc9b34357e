// Time as the loop sees it. Nobody reads a clock: time comes from the Port, and a simulation's time
// is its own. The clock types have no now(), so a forgotten call does not compile.
#pragma once

#include <chrono>

namespace gangd {

using Duration = std::chrono::nanoseconds;

struct LoopClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<LoopClock>;
  static constexpr bool is_steady = true;
};

// A moment of the loop's own monotonic time: for deadlines and for measuring. Means nothing
// outside the process.
using Instant = LoopClock::time_point;

// A moment of the calendar, in UTC: for records. May jump when somebody sets the clock.
using UtcTime = std::chrono::sys_time<std::chrono::microseconds>;

}  // namespace gangd
