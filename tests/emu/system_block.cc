#include "tests/emu/system_block.h"

#include <fmt/core.h>

namespace gangd::emu {
namespace {

// Addresses and bits of the ARMv7-M architecture and of the Cortex-M7.
constexpr std::uint32_t kSysTick = 0xe000e010, kCpuid = 0xe000ed00, kMpu = 0xe000ed90;
constexpr std::uint32_t kInterrupts = 0xe000e100, kInterruptsEnd = 0xe000e500;
constexpr std::uint32_t kStir = 0xe000ef00, kPriorities = 0x300;
constexpr std::uint32_t kDwtControl = 0xe0001000, kDwtCycles = 0xe0001004;
constexpr std::uint32_t kAircrKey = 0x05fa0000, kAircrReset = 1u << 2;
constexpr std::uint32_t kCcrReset = 0x00040200, kCcrBits = 0x00070719;
constexpr std::uint32_t kCcrDataCache = 1u << 16;
constexpr std::uint32_t kDcisw = 0xe000ef60, kDccisw = 0xe000ef74;
constexpr std::uint32_t kDemcrTrace = 1u << 24;

constexpr std::uint32_t kFpccrBits = 0xc0000000, kFpdscrBits = 0x07c00000;

constexpr unsigned kShcsrActive[] = {kMemManage,    kBusFault, kNone,   kUsageFault,
                                     kNone,         kNone,     kNone,   kSvCall,
                                     kDebugMonitor, kNone,     kPendSv, kSysTickException};

bool in(std::uint32_t address, std::uint32_t from, std::uint32_t to) {
  return address >= from && address < to;
}

// Cleaning and invalidating, by address or all.
bool is_cache_operation(std::uint32_t address) {
  return in(address, 0xe000ef50, 0xe000ef7c);
}

// ITM: switched off, for nobody listens.
bool is_trace(std::uint32_t address) {
  return in(address, 0xe0000000, 0xe0001000);
}

// 32 KB each, lines of 32 bytes: data in four ways, instructions in two.
std::uint32_t cache_size_register(std::uint32_t selection) {
  return (selection & 1) != 0 ? 0xf03fe009 : 0xf01fe019;
}

}  // namespace

void SystemBlock::reset() {
  exceptions_.reset();
  mpu_.reset();
  tick_.reset();
  faults_ = {};
  vtor_ = scr_ = cpacr_ = cache_selection_ = 0;
  fpcar_ = fpdscr_ = 0;
  fpccr_ = kFpccrBits;
  ccr_ = kCcrReset;
  lines_.reset();
  demcr_ = dwt_control_ = dwt_stopped_ = 0;
}

std::uint32_t SystemBlock::read(std::uint32_t address, unsigned size) {
  const std::uint32_t word = read_word(address & ~3u);
  const std::uint32_t shifted = word >> (address % 4 * 8);
  return size == 4 ? shifted : shifted & ((1u << size * 8) - 1);
}

void SystemBlock::write(std::uint32_t address, unsigned size, std::uint32_t value) {
  const std::uint32_t word = address & ~3u;
  const bool in_bytes =
      in(word, kInterrupts + kPriorities, kInterruptsEnd) || in(word, 0xe000ed18, 0xe000ed2c);
  if (size != 4) {
    if (!in_bytes) {
      return owner_.violate(
          fmt::format("a write of {} bytes to {:#010x}: this register takes words", size, address));
    }
    const unsigned shift = address % 4 * 8;
    const std::uint32_t mask = ((1u << size * 8) - 1) << shift;
    // Status bits are cleared by ones: those that are not written must not be.
    const std::uint32_t around = word == 0xe000ed28 ? 0 : read_word(word) & ~mask;
    value = around | (value << shift & mask);
  }
  if (write_word(word, value)) return owner_.system_changed();
  owner_.violate(
      fmt::format("a write of {:#x} to {:#010x}: the CPU has no such register", value, address));
}

std::uint32_t SystemBlock::read_word(std::uint32_t address) {
  std::uint32_t value = 0;
  if (read_control(address, value) || read_debug(address, value)) return value;
  if (in(address, kMpu, kMpu + 0x2c)) {
    if (const auto found = mpu_.read(address - kMpu)) return *found;
  }
  if (in(address, kInterrupts, kInterruptsEnd) && read_interrupts(address - kInterrupts, value)) {
    return value;
  }
  owner_.violate(fmt::format("a read of {:#010x}: the CPU has no such register", address));
  return 0;
}

bool SystemBlock::write_word(std::uint32_t address, std::uint32_t value) {
  if (write_control(address, value) || write_debug(address, value)) return true;
  if (in(address, kMpu, kMpu + 0x2c)) return mpu_.write(address - kMpu, value);
  if (in(address, kInterrupts, kInterruptsEnd)) {
    return write_interrupts(address - kInterrupts, value);
  }
  return write_cache(address, value);
}

void SystemBlock::write_ccr(std::uint32_t value) {
  if ((ccr_ & ~value & kCcrDataCache) != 0) lines_.set();
  ccr_ = (value & kCcrBits) | (kCcrReset & 0x40000) | 0x200;
}

// By set and way, a line is written back or forgotten.
bool SystemBlock::write_cache(std::uint32_t address, std::uint32_t value) {
  if (address == kDcisw || address == kDccisw) lines_.reset(value >> 30 << 8 | (value >> 5 & 0xff));
  return is_cache_operation(address);
}

bool SystemBlock::read_control(std::uint32_t address, std::uint32_t& value) {
  const std::uint64_t now = owner_.cycles();
  switch (address) {
    case kSysTick:
      return value = tick_.control(now), true;
    case kSysTick + 4:
      return value = tick_.reload(), true;
    case kSysTick + 8:
      return value = tick_.value(now), true;
    case kSysTick + 12:
      return value = 1u << 31, true;  // no reference clock
    case 0xe000e004:
      return value = Exceptions::kLines / 32 - 1, true;  // ICTR
    case 0xe000e008:
      return value = 0, true;  // ACTLR
    case kCpuid:
      return value = 0x411fc272, true;  // r1p2
    case 0xe000ed04:
      return value = icsr(), true;
    case 0xe000ed08:
      return value = vtor_, true;
    case 0xe000ed0c:
      return value = 0xfa050000 | exceptions_.grouping() << 8, true;
    case 0xe000ed10:
      return value = scr_, true;
    case 0xe000ed14:
      return value = ccr_, true;
    case 0xe000ed24:
      return value = shcsr(), true;
    case 0xe000ed28:
      return value = faults_.cfsr, true;
    case 0xe000ed2c:
      return value = faults_.hfsr, true;
    case 0xe000ed34:
      return value = faults_.mmfar, true;
    case 0xe000ed38:
      return value = faults_.bfar, true;
    case 0xe000ed78:
      return value = 0x09000003, true;  // CLIDR: one level, split
    case 0xe000ed7c:
      return value = 0x8303c003, true;  // CTR
    case 0xe000ed80:
      return value = cache_size_register(cache_selection_), true;
    case 0xe000ed84:
      return value = cache_selection_, true;
    case 0xe000ed88:
      return value = cpacr_, true;
    case 0xe000ef34:
      return value = fpccr_, true;
    case 0xe000ef38:
      return value = fpcar_, true;
    case 0xe000ef3c:
      return value = fpdscr_, true;
    case 0xe000ef40:
      return value = 0x10110221, true;  // MVFR0
    case 0xe000ef44:
      return value = 0x12000011, true;
    case 0xe000ef48:
      return value = 0x40, true;
    default:
      break;
  }
  if (!in(address, 0xe000ed18, 0xe000ed24)) return false;
  for (unsigned i = 0; i < 4; ++i) {
    value |= std::uint32_t{exceptions_.priority(address - 0xe000ed18 + 4 + i)} << 8 * i;
  }
  return true;
}

bool SystemBlock::write_control(std::uint32_t address, std::uint32_t value) {
  const std::uint64_t now = owner_.cycles();
  switch (address) {
    case kSysTick:
      return tick_.set_control(value, now), true;
    case kSysTick + 4:
      return tick_.set_reload(value), true;
    case kSysTick + 8:
      return tick_.clear(now), true;
    case 0xe000e008:
      return true;  // ACTLR: timing
    case 0xe000ed04:
      return write_icsr(value), true;
    case 0xe000ed08:
      return vtor_ = value & ~0x7fu, true;
    case 0xe000ed0c:
      return write_aircr(value), true;
    case 0xe000ed10:
      return scr_ = value & 0x16, true;
    case 0xe000ed14:
      return write_ccr(value), true;
    case 0xe000ed24:
      return write_shcsr(value), true;
    case 0xe000ed28:
      return faults_.cfsr &= ~value, true;
    case 0xe000ed2c:
      return faults_.hfsr &= ~value, true;
    case 0xe000ed30:
      return true;  // DFSR
    case 0xe000ed34:
      return faults_.mmfar = value, true;
    case 0xe000ed38:
      return faults_.bfar = value, true;
    case 0xe000ed84:
      return cache_selection_ = value & 1, true;
    case 0xe000ed88:
      return cpacr_ = value & 0x00f00000, true;
    case 0xe000ef34:
      return fpccr_ = value & kFpccrBits, true;
    case 0xe000ef38:
      return fpcar_ = value & ~7u, true;
    case 0xe000ef3c:
      return fpdscr_ = value & kFpdscrBits, true;
    case kStir:
      if ((value & 0x1ff) >= Exceptions::kLines) return false;
      return exceptions_.pend(kFirstInterrupt + (value & 0x1ff), true), true;
    default:
      break;
  }
  if (!in(address, 0xe000ed18, 0xe000ed24)) return false;
  for (unsigned i = 0; i < 4; ++i) {
    exceptions_.set_priority(address - 0xe000ed18 + 4 + i,
                             static_cast<std::uint8_t>(value >> 8 * i));
  }
  return true;
}

bool SystemBlock::read_interrupts(std::uint32_t offset, std::uint32_t& value) const {
  if (offset >= kPriorities) {
    const std::uint32_t first = offset - kPriorities;
    if (first >= Exceptions::kLines) return false;
    for (unsigned i = 0; i < 4; ++i) {
      value |= std::uint32_t{exceptions_.priority(kFirstInterrupt + first + i)} << 8 * i;
    }
    return true;
  }
  const std::uint32_t block = offset / 0x80, first = kFirstInterrupt + offset % 0x80 * 8;
  if (block > 4 || offset % 0x80 * 8 >= Exceptions::kLines) return false;
  for (unsigned i = 0; i < 32; ++i) {
    const bool bit = block < 2   ? exceptions_.enabled(first + i)
                     : block < 4 ? exceptions_.pending(first + i)
                                 : exceptions_.active(first + i);
    value |= std::uint32_t{bit} << i;
  }
  return true;
}

bool SystemBlock::write_interrupts(std::uint32_t offset, std::uint32_t value) {
  if (offset >= kPriorities) {
    const std::uint32_t first = offset - kPriorities;
    if (first >= Exceptions::kLines) return false;
    for (unsigned i = 0; i < 4; ++i) {
      exceptions_.set_priority(kFirstInterrupt + first + i,
                               static_cast<std::uint8_t>(value >> 8 * i));
    }
    return true;
  }
  const std::uint32_t block = offset / 0x80, first = kFirstInterrupt + offset % 0x80 * 8;
  if (block > 3 || offset % 0x80 * 8 >= Exceptions::kLines) return false;
  for (unsigned i = 0; i < 32; ++i) {
    if ((value >> i & 1) == 0) continue;
    const bool on = block % 2 == 0;
    if (block < 2) {
      exceptions_.enable(first + i, on);
    } else {
      exceptions_.pend(first + i, on);
    }
  }
  return true;
}

std::uint32_t SystemBlock::icsr() const {
  const unsigned pending = exceptions_.most_urgent_pending();
  bool any_line = false;
  for (unsigned n = kFirstInterrupt; n < Exceptions::kCount; ++n) {
    any_line |= exceptions_.pending(n);
  }
  return owner_.exception() | std::uint32_t{exceptions_.active_count() <= 1} << 11 | pending << 12 |
         std::uint32_t{any_line} << 22 |
         std::uint32_t{exceptions_.pending(kSysTickException)} << 26 |
         std::uint32_t{exceptions_.pending(kPendSv)} << 28 |
         std::uint32_t{exceptions_.pending(kNmi)} << 31;
}

void SystemBlock::write_icsr(std::uint32_t value) {
  if ((value >> 31 & 1) != 0) exceptions_.pend(kNmi, true);
  if ((value >> 28 & 1) != 0) exceptions_.pend(kPendSv, true);
  if ((value >> 27 & 1) != 0) exceptions_.pend(kPendSv, false);
  if ((value >> 26 & 1) != 0) exceptions_.pend(kSysTickException, true);
  if ((value >> 25 & 1) != 0) exceptions_.pend(kSysTickException, false);
}

void SystemBlock::write_aircr(std::uint32_t value) {
  if ((value & 0xffff0000) != kAircrKey) {
    return owner_.violate(fmt::format("AIRCR was written with {:#x}: its key is 0x05fa", value));
  }
  exceptions_.set_grouping(value >> 8);
  if ((value & kAircrReset) != 0) owner_.request_reset("SYSRESETREQ");
}

std::uint32_t SystemBlock::shcsr() const {
  std::uint32_t value = 0;
  for (unsigned bit = 0; bit < std::size(kShcsrActive); ++bit) {
    const unsigned exception = kShcsrActive[bit];
    if (exception != kNone) value |= std::uint32_t{exceptions_.active(exception)} << bit;
  }
  value |= std::uint32_t{exceptions_.pending(kUsageFault)} << 12;
  value |= std::uint32_t{exceptions_.pending(kMemManage)} << 13;
  value |= std::uint32_t{exceptions_.pending(kBusFault)} << 14;
  value |= std::uint32_t{exceptions_.pending(kSvCall)} << 15;
  for (unsigned i = 0; i < 3; ++i) {
    value |= std::uint32_t{exceptions_.enabled(kMemManage + i)} << (16 + i);
  }
  return value;
}

void SystemBlock::write_shcsr(std::uint32_t value) {
  for (unsigned bit = 0; bit < std::size(kShcsrActive); ++bit) {
    const unsigned exception = kShcsrActive[bit];
    if (exception != kNone) exceptions_.set_active(exception, (value >> bit & 1) != 0);
  }
  exceptions_.pend(kUsageFault, (value >> 12 & 1) != 0);
  exceptions_.pend(kMemManage, (value >> 13 & 1) != 0);
  exceptions_.pend(kBusFault, (value >> 14 & 1) != 0);
  exceptions_.pend(kSvCall, (value >> 15 & 1) != 0);
  for (unsigned i = 0; i < 3; ++i) {
    exceptions_.enable(kMemManage + i, (value >> (16 + i) & 1) != 0);
  }
}

std::uint32_t SystemBlock::cycle_count() const {
  const bool runs = (dwt_control_ & 1) != 0 && (demcr_ & kDemcrTrace) != 0;
  return runs ? static_cast<std::uint32_t>(owner_.cycles() - dwt_start_) : dwt_stopped_;
}

bool SystemBlock::read_debug(std::uint32_t address, std::uint32_t& value) {
  switch (address) {
    case 0xe000edf0:
      return value = 0, true;  // DHCSR: no debugger
    case 0xe000edfc:
      return value = demcr_, true;
    case kDwtControl:
      return value = 0x40000000 | dwt_control_, true;
    case kDwtCycles:
      return value = cycle_count(), true;
    case 0xe0001fb4:
      return value = 1, true;  // DWT_LSR: has a lock, which is open
    default:
      return is_trace(address);
  }
}

bool SystemBlock::write_debug(std::uint32_t address, std::uint32_t value) {
  const std::uint32_t count = cycle_count();
  switch (address) {
    case 0xe000edfc:
      demcr_ = value & 0x010f0000;
      break;
    case kDwtControl:
      dwt_control_ = value & 1;
      break;
    case kDwtCycles:
      dwt_stopped_ = value;
      dwt_start_ = owner_.cycles() - value;
      return true;
    case 0xe0001fb0:
      return true;  // DWT_LAR
    default:
      return is_trace(address);
  }
  dwt_stopped_ = count;
  dwt_start_ = owner_.cycles() - count;
  return true;
}

}  // namespace gangd::emu
