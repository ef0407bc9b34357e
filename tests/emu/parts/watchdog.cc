#include "tests/emu/parts/watchdog.h"

#include <fmt/format.h>

#include <algorithm>

namespace gangd::emu {
namespace {

constexpr std::uint32_t kKr = 0x00, kPr = 0x04, kRlr = 0x08, kSr = 0x0c, kWinr = 0x10, kEwcr = 0x14;
constexpr std::uint32_t kStart = 0xcccc, kReload = 0xaaaa, kUnlock = 0x5555;
constexpr std::int64_t kLsiHz = 32'000;
constexpr Time kTakeOverTime = std::chrono::nanoseconds(std::int64_t{6} * 1'000'000'000 / kLsiHz);

constexpr RegisterRule kRules[] = {
    {.offset = kKr, .name = "KR", .writable = 0xffff},
    {.offset = kPr, .name = "PR", .writable = 0xf},
    {.offset = kRlr, .name = "RLR", .reset = 0xfff, .writable = 0xfff},
    {.offset = kSr, .name = "SR", .read_only = 0x410f},  // its lowest bits: being taken over
    {.offset = kWinr, .name = "WINR", .reset = 0xfff, .writable = 0xfff},
    {.offset = kEwcr, .name = "EWCR", .writable = 0xcfff},
};

std::uint32_t busy_bit(std::uint32_t offset) {
  switch (offset) {
    case kPr:
      return 1;
    case kRlr:
      return 2;
    case kWinr:
      return 4;
    default:
      return 8;
  }
}

}  // namespace

Watchdog::Watchdog(Chip& chip, Rcc& rcc)
    : chip_(chip), rcc_(rcc), registers_(chip, "IWDG", kRules) {}

void Watchdog::reset(bool /*cold*/) {
  registers_.reset();
  runs_ = unlocked_ = false;
  taken_over_.clear();
}

// 4 to 1024 clocks of LSI, so many times.
Time Watchdog::period() const {
  const std::int64_t divider = std::int64_t{4} << std::min(registers_.get(kPr), 8u);
  const std::int64_t clocks = divider * (registers_.get(kRlr) + 1);
  return Time(clocks * 1'000'000'000 / kLsiHz);
}

void Watchdog::reload() {
  ends_ = chip_.now() + period();
  chip_.wake_at(ends_);
}

void Watchdog::advance() {
  if (!runs_ || chip_.now() < ends_) return;
  runs_ = false;
  rcc_.next_reset_is_of_watchdog();
  chip_.request_reset("the watchdog was not reloaded");
}

void Watchdog::take_over() {
  std::uint32_t busy = 0;
  for (const auto& [offset, when] : taken_over_) {
    if (chip_.now() < when) busy |= busy_bit(offset);
  }
  registers_.set(kSr, busy);
}

std::uint32_t Watchdog::read(std::uint32_t offset, unsigned size) {
  take_over();
  return registers_.read(offset, size);
}

void Watchdog::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  if (write->offset == kKr) return write_key(write->value);
  if (!unlocked_) {
    registers_.violate(fmt::format("{} written without the key 5555h in KR before it",
                                   registers_.name(write->offset)));
    return;
  }
  take_over();
  if (registers_.has(kSr, busy_bit(write->offset))) {
    registers_.violate(fmt::format("{} written while SR says that it takes over the value before",
                                   registers_.name(write->offset)));
    return;
  }
  registers_.set(write->offset, write->value);
  taken_over_[write->offset] = runs_ ? chip_.now() + kTakeOverTime : Time::max();
  if (runs_) reload();
}

void Watchdog::write_key(std::uint32_t key) {
  unlocked_ = key == kUnlock;
  if (key == kStart && !runs_) {
    runs_ = true;
    for (auto& [offset, when] : taken_over_) when = chip_.now() + kTakeOverTime;
  }
  if (runs_ && (key == kStart || key == kReload)) reload();
  if (key != kStart && key != kReload && key != kUnlock && key != 0) {
    registers_.violate(fmt::format("{:04X}h written to KR, which is no key", key));
  }
}

}  // namespace gangd::emu
