#include "tests/emu/sys_tick.h"

namespace gangd::emu {
namespace {

constexpr std::uint32_t kEnable = 1, kInterrupt = 2, kControlBits = 7, kCountFlag = 1u << 16;

}  // namespace

std::uint32_t SysTick::control(std::uint64_t now) {
  if (now >= due_) expire(now);
  const std::uint32_t value = control_ | (counted_ ? kCountFlag : 0);
  counted_ = false;
  return value;
}

void SysTick::set_control(std::uint32_t new_control, std::uint64_t now) {
  stopped_at_ = value(now);
  control_ = new_control & kControlBits;
  due_ = kNever;
  if ((control_ & kEnable) != 0) start(now, stopped_at_ != 0 ? stopped_at_ : reload_ + 1ull);
}

void SysTick::start(std::uint64_t now, std::uint64_t ticks) {
  due_ = reload_ == 0 && ticks <= 1 ? kNever : now + ticks * divider();
}

std::uint32_t SysTick::value(std::uint64_t now) const {
  if ((control_ & kEnable) == 0) return stopped_at_;
  if (due_ == kNever || now >= due_) return 0;
  // At its very beginning it still shows zero.
  const std::uint64_t left = (due_ - now + divider() - 1) / divider();
  return left > reload_ ? 0 : static_cast<std::uint32_t>(left);
}

void SysTick::clear(std::uint64_t now) {
  counted_ = false;
  stopped_at_ = 0;
  if ((control_ & kEnable) != 0) start(now, reload_ + 1ull);
}

bool SysTick::expire(std::uint64_t now) {
  if (now < due_) return false;
  counted_ = true;
  stopped_at_ = 0;
  const std::uint64_t period = (reload_ + 1ull) * divider();
  due_ = reload_ == 0 ? kNever : due_ + ((now - due_) / period + 1) * period;
  return (control_ & kInterrupt) != 0;
}

}  // namespace gangd::emu
