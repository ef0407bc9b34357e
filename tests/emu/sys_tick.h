// SysTick: the timer of the CPU. It counts the CPU's cycles, and is looked at, not driven.
#pragma once

#include <cstdint>

namespace gangd::emu {

class SysTick {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  void reset() { *this = {}; }

  std::uint32_t control(std::uint64_t now);
  void set_control(std::uint32_t value, std::uint64_t now);
  std::uint32_t reload() const { return reload_; }
  void set_reload(std::uint32_t value) { reload_ = value & 0xffffff; }
  std::uint32_t value(std::uint64_t now) const;
  // Any write clears it.
  void clear(std::uint64_t now);

  // When it next reaches zero.
  std::uint64_t due() const { return due_; }
  // It has by now: true if this is an exception.
  bool expire(std::uint64_t now);

 private:
  void start(std::uint64_t now, std::uint64_t ticks);
  // Without the bit, the clock of the CPU by eight.
  std::uint64_t divider() const { return (control_ & 4) != 0 ? 1 : 8; }

  std::uint32_t control_ = 0;
  std::uint32_t reload_ = 0;
  std::uint32_t stopped_at_ = 0;
  bool counted_ = false;
  std::uint64_t due_ = kNever;
};

}  // namespace gangd::emu
