// Exceptions: which exceptions and interrupts are enabled, pending and active, and which of them
// runs next. The ARMv7-M rules, without registers and stacks.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>

#include "tests/emu/core.h"

namespace gangd::emu {

// Numbers of exceptions; an interrupt is kFirstInterrupt and its line.
enum Exception : unsigned {
  kNone = 0,
  kReset = 1,
  kNmi = 2,
  kHardFault = 3,
  kMemManage = 4,
  kBusFault = 5,
  kUsageFault = 6,
  kSvCall = 11,
  kDebugMonitor = 12,
  kPendSv = 14,
  kSysTickException = 15,
  kFirstInterrupt = 16,
};

class Exceptions {
 public:
  static constexpr unsigned kLines = 160;  // of interrupts, in words of 32
  static constexpr unsigned kCount = kFirstInterrupt + kLines;
  static constexpr int kThreadPriority = 256;

  void reset() { *this = {}; }

  // --- what registers say

  void set_priority(unsigned exception, std::uint8_t value) {
    // Four bits are implemented.
    if (exception >= kMemManage) priorities_[exception] = value & 0xf0;
  }
  std::uint8_t priority(unsigned exception) const { return priorities_[exception]; }
  void set_grouping(unsigned grouping) { grouping_ = grouping & 7; }
  unsigned grouping() const { return grouping_; }
  void enable(unsigned exception, bool on) { enabled_[exception] = on; }
  bool enabled(unsigned exception) const { return enabled_[exception]; }
  void pend(unsigned exception, bool on) { pending_[exception] = on; }
  bool pending(unsigned exception) const { return pending_[exception]; }
  bool active(unsigned exception) const { return active_[exception]; }
  void set_active(unsigned exception, bool on) { active_[exception] = on; }

  // The level of an interrupt's line. A high one is pending until it is taken, and again after it
  // if it is still high.
  void set_line(unsigned line, bool high);

  // --- what runs

  // Lower is more urgent.
  int running_priority(const Masks& masks) const;
  // The pending one that preempts what runs; kNone if none does.
  unsigned next(const Masks& masks) const;
  // A pending one that ends WFI: PRIMASK does not count.
  bool wakes(Masks masks) const;
  // Of those that are enabled; kNone. For ICSR.
  unsigned most_urgent_pending() const;
  // Of a group, as it competes with others.
  int group_priority(unsigned exception) const;
  unsigned active_count() const { return static_cast<unsigned>(active_.count()); }

  void enter(unsigned exception);
  void leave(unsigned exception);

 private:
  int group(std::uint8_t priority) const;

  std::array<std::uint8_t, kCount> priorities_{};
  std::bitset<kCount> enabled_ = 1u << kNmi | 1u << kHardFault | 1u << kSvCall |
                                 1u << kDebugMonitor | 1u << kPendSv | 1u << kSysTickException;
  std::bitset<kCount> pending_;
  std::bitset<kCount> active_;
  std::bitset<kLines> lines_;
  unsigned grouping_ = 0;
};

}  // namespace gangd::emu
