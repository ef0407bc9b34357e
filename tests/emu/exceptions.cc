#include "tests/emu/exceptions.h"

#include <algorithm>

namespace gangd::emu {
namespace {

template <class Bits, class Each>
void for_each(const Bits& bits, Each each) {
  for (std::size_t n = bits._Find_first(); n < bits.size(); n = bits._Find_next(n)) {
    each(static_cast<unsigned>(n));
  }
}

}  // namespace

void Exceptions::set_line(unsigned line, bool high) {
  if (high && !lines_[line] && !active_[kFirstInterrupt + line]) {
    pending_[kFirstInterrupt + line] = true;
  }
  lines_[line] = high;
}

// The bits above the binary point of PRIGROUP.
int Exceptions::group(std::uint8_t priority) const {
  return priority & ~((2 << grouping_) - 1) & 0xff;
}

int Exceptions::group_priority(unsigned exception) const {
  if (exception == kNmi) return -2;
  if (exception == kHardFault) return -1;
  return group(priorities_[exception]);
}

int Exceptions::running_priority(const Masks& masks) const {
  int lowest = kThreadPriority;
  for_each(active_, [&](unsigned n) { lowest = std::min(lowest, group_priority(n)); });
  if (masks.basepri != 0) lowest = std::min(lowest, group(masks.basepri));
  if (masks.primask) lowest = std::min(lowest, 0);
  if (masks.faultmask) lowest = std::min(lowest, -1);
  return lowest;
}

unsigned Exceptions::most_urgent_pending() const {
  unsigned best = kNone;
  const auto key = [&](unsigned n) {
    const int whole = n < kMemManage ? group_priority(n) : priorities_[n];
    return std::pair(std::pair(group_priority(n), whole), n);
  };
  for_each(pending_ & enabled_, [&](unsigned n) {
    if (best == kNone || key(n) < key(best)) best = n;
  });
  return best;
}

unsigned Exceptions::next(const Masks& masks) const {
  if (pending_.none()) return kNone;
  const unsigned best = most_urgent_pending();
  if (best == kNone || group_priority(best) >= running_priority(masks)) return kNone;
  return best;
}

bool Exceptions::wakes(Masks masks) const {
  masks.primask = false;
  return next(masks) != kNone;
}

void Exceptions::enter(unsigned exception) {
  pending_[exception] = false;
  active_[exception] = true;
}

void Exceptions::leave(unsigned exception) {
  active_[exception] = false;
  if (exception >= kFirstInterrupt && lines_[exception - kFirstInterrupt]) {
    pending_[exception] = true;
  }
}

}  // namespace gangd::emu
