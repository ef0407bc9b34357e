// The timers of a loop: a binary heap, ordered by deadline and then by order of arming.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "loop/clock.h"

namespace gangd {

// Fires once, on the loop thread, unless disarmed before. Disarmed by its owner at the latest in
// the owner's destructor.
class Timer {
 public:
  Timer() = default;
  virtual ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Short: it marks tasks as ready or cancels some, and runs none.
  virtual void on_time() = 0;

  bool armed() const { return index_ != kNone; }

 private:
  friend class Timers;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  Instant deadline_;
  std::uint64_t order_ = 0;
  std::size_t index_ = kNone;
};

class Timers {
 public:
  // Arms or re-arms. The timer must stay where it is.
  void arm(Timer& timer, Instant deadline);
  void disarm(Timer& timer);

  // Fires all that were due at `now`; those armed meanwhile wait for the next call.
  void fire_due(Instant now);

  // The earliest deadline, or Instant::max().
  Instant next() const;

 private:
  static bool before(const Timer& a, const Timer& b);
  void place(std::size_t index, Timer& timer);
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);

  std::vector<Timer*> heap_;
  std::uint64_t armed_ = 0;
};

}  // namespace gangd
