#include "tests/emu/machine.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "tests/emu/words.h"

namespace gangd::emu {
namespace {

constexpr std::uint32_t kDevices = 0x40000000, kDevicesSize = 0x20000000;
constexpr std::uint64_t kNanosecond = 1'000'000'000;
constexpr std::uint64_t kNever = ~std::uint64_t{0};
// What a function called from outside returns to.
constexpr std::uint32_t kReturnTo = 0xffffffff;

}  // namespace

Result<std::unique_ptr<Machine>> Machine::make(const ChipKind& kind, Options options) {
  auto machine = std::make_unique<Machine>(kind, std::move(options));
  TRY(machine->core_, Core::make(*machine));
  machine->memory_ = std::make_unique<Memory>(*machine->core_);
  machine->set_ram({kind.ram.begin(), kind.ram.end()});
  machine->core_->map_registers(kDevices, kDevicesSize);
  machine->core_->map_registers(SystemBlock::kAddress, SystemBlock::kSize);
  machine->system_.reset();
  return machine;
}

Machine::Machine(const ChipKind& kind, Options options)
    : kind_(kind), options_(std::move(options)), system_(*this), clock_hz_(kind.clock_hz) {}

Machine::~Machine() = default;

void Machine::attach(std::vector<Mapped> peripherals) {
  peripherals_ = std::move(peripherals);
  for (const Mapped& mapped : peripherals_) by_address_.push_back(&mapped);
  std::ranges::sort(by_address_, {}, &Mapped::address);
  std::set<std::uint32_t> pages;
  std::uint32_t end = 0;
  for (const Mapped* mapped : by_address_) {
    CHECK(mapped->address >= end, "{} overlaps", mapped->peripheral->name());
    end = mapped->address + mapped->size;
    if (mapped->address - kDevices < kDevicesSize) continue;
    for (std::uint32_t page = mapped->address / Core::kPage; page * Core::kPage < end; ++page) {
      pages.insert(page * Core::kPage);
    }
  }
  for (const std::uint32_t page : pages) core_->map_registers(page, Core::kPage);
}

void Machine::set_ram(std::vector<RamBlock> blocks) {
  if (blocks == ram_) return;
  ram_ = std::move(blocks);
  memory_->set_ram(ram_);
}

void Machine::power_on() {
  violation_.clear();
  sentence_.clear();
  fault_.reset();
  reset_.reset();
  lost_power_ = false;
  halted_ = true;
  memory_->scramble(options_.seed + power_ups_++);
  reset_all(true);
  clock_time_ = {};
}

void Machine::reset_all(bool cold) {
  clock_time_ = now();
  clock_cycles_ = core_->cycles();
  clock_hz_ = kind_.clock_hz;
  asleep_ = again_ = false;
  wakes_.clear();
  system_.reset();
  core_->reset(0, 0);
  for (const Mapped& mapped : peripherals_) mapped.peripheral->reset(cold);
}

void Machine::do_reset() {
  if (options_.on_trace) options_.on_trace(fmt::format("reset: {}", *reset_));
  reset_.reset();
  halted_ = true;
  fault_.reset();
  reset_all(false);
  settle();
  if (on_reset) return on_reset();
  start(kind_.boot_address);
}

void Machine::start(std::uint32_t vectors, std::uint32_t in_force) {
  std::array<std::uint8_t, 8> first;
  settle();
  if (!memory_->read(vectors, first)) {
    return violate(fmt::format("nothing to start: there is no memory at {:#010x}", vectors));
  }
  const std::uint32_t sp = word_at(first, 0), pc = word_at(first, 4);
  if (sp == 0xffffffff && pc == 0xffffffff) {
    return violate(fmt::format("nothing to start: the vectors at {:#010x} are blank", vectors));
  }
  if ((pc & 1) == 0) {
    return violate(
        fmt::format("the program at {:#010x} begins at {:#010x}: bit 0 is not set", vectors, pc));
  }
  system_.set_vectors(in_force);
  core_->reset(sp, pc);
  halted_ = false;
}

void Machine::call(std::uint32_t function, const std::vector<std::uint32_t>& arguments,
                   std::uint32_t stack) {
  constexpr std::size_t kInRegisters = 4;
  const auto on_stack =
      static_cast<std::uint32_t>(std::max(arguments.size(), kInRegisters) - kInRegisters);
  const std::uint32_t sp = (stack - on_stack * 4) & ~7u;
  core_->set_psr(0);
  core_->set(Core::kSp, sp);
  core_->set(Core::kLr, kReturnTo);
  core_->set(Core::kPc, function | 1);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (i < kInRegisters) {
      core_->set(static_cast<unsigned>(i), arguments[i]);
      continue;
    }
    write_memory(sp + static_cast<std::uint32_t>(i - kInRegisters) * 4, bytes_of(arguments[i]));
  }
  halted_ = asleep_ = false;
}

Machine::Stop Machine::run(Time until) {
  until_ = until;
  for (;;) {
    settle();
    if (lost_power_) return Stop::kPowerLost;
    if (!violation_.empty()) return Stop::kViolation;
    if (now() >= until) return Stop::kTime;
    catch_up();
    if (reset_ || fault_ || lost_power_ || !violation_.empty()) continue;
    if (halted_ || asleep_) {
      if (!sleep(until)) return halted_ ? Stop::kHalted : Stop::kAsleep;
      continue;
    }
    if (take_pending()) continue;
    set_deadline(until);
    core_->allow_float(system_.fpu_allowed());
    if (const auto stop = after(core_->run())) return *stop;
  }
}

// What was asked for within an instruction, or between runs.
void Machine::settle() {
  if (fault_ && violation_.empty()) handle_fault();
  if (memory_->needs_to_settle()) memory_->settle();
  if (reset_ && violation_.empty()) return do_reset();
  memory_->set_view(view());
}

Memory::View Machine::view() const {
  const Mpu& mpu = system_.mpu();
  const bool in_force = mpu.on() && (mpu.on_in_faults() ||
                                     system_.exceptions().running_priority(core_->masks()) >= 0);
  return {.mpu = in_force ? &mpu : nullptr,
          .privileged = core_->privileged(),
          .loses_writes = system_.keeps_lines()};
}

// Everything that is due is done.
void Machine::catch_up() {
  if (system_.tick().expire(core_->cycles())) system_.exceptions().pend(kSysTickException, true);
  if (wakes_.empty() || *wakes_.begin() > now()) return;
  while (!wakes_.empty() && *wakes_.begin() <= now()) wakes_.erase(wakes_.begin());
  for (const Mapped& mapped : peripherals_) mapped.peripheral->advance();
  watch_power();
}

void Machine::watch_power() {
  if (!has_lost_power || !has_lost_power()) return;
  lost_power_ = true;
  core_->stop();
}

// Time passes until something happens. False: nothing will.
bool Machine::sleep(Time until) {
  if (!halted_ && system_.exceptions().wakes(core_->masks())) {
    asleep_ = false;
    return true;
  }
  const Time next = std::min(next_event(), until);
  if (next == Time::max()) return false;
  const std::uint64_t then = cycles_at(next);
  if (then > core_->cycles()) core_->pass(then - core_->cycles());
  return true;
}

Time Machine::next_event() const {
  Time next = wakes_.empty() ? Time::max() : *wakes_.begin();
  const std::uint64_t tick = const_cast<Machine*>(this)->system_.tick().due();
  if (!halted_ && tick != SysTick::kNever) {
    const std::uint64_t cycles = tick - clock_cycles_;
    const Time at = clock_time_ + Time(cycles / clock_hz_ * kNanosecond +
                                       cycles % clock_hz_ * kNanosecond / clock_hz_);
    next = std::min(next, at);
  }
  return next;
}

std::optional<Machine::Stop> Machine::after(Core::Ended ended) {
  const std::uint32_t pc = program_counter();
  switch (ended) {
    case Core::Ended::kStopped:
      if (!fault_ && violation_.empty() && core_->at_stop()) return Stop::kUntil;
      break;
    case Core::Ended::kWaits:
      asleep_ = true;
      break;
    case Core::Ended::kSupervisorCall:
      take_now(kSvCall, pc);
      break;
    case Core::Ended::kBreakpoint:
      raise({.exception = kHardFault,
             .status = 0,
             .address = std::nullopt,
             .sentence = "BKPT, and no debugger is there"});
      break;
    case Core::Ended::kExceptionReturn:
      if ((pc | 1) == kReturnTo && core_->exception() == 0) return halted_ = true, Stop::kReturned;
      leave(pc | 1);
      break;
    case Core::Ended::kInvalidState:
      raise({.exception = kUsageFault,
             .status = 1u << 17,
             .address = std::nullopt,
             .sentence = "a branch to an address without bit 0: this CPU runs Thumb only"});
      break;
    case Core::Ended::kNoFloat:
      raise({.exception = kUsageFault,
             .status = 1u << 19,
             .address = std::nullopt,
             .sentence = "an instruction of the FPU, which CPACR keeps off"});
      break;
    case Core::Ended::kUndefined:
      if (system_.fpu_allowed() && core_->at_double()) {
        violate("an instruction of double precision, which emu cannot run: fpv5-sp-d16 is");
        break;
      }
      raise({.exception = kUsageFault,
             .status = 1u << 16,
             .address = std::nullopt,
             .sentence = "an instruction that this CPU does not have, or has switched off"});
      break;
    case Core::Ended::kAborted:
      CHECK(fault_ || !violation_.empty() || again_ || lost_power_, "an abort without a reason");
      again_ = false;
      break;
  }
  return std::nullopt;
}

std::uint64_t Machine::cycles_at(Time time) const {
  if (time == Time::max()) return kNever;
  const auto left = static_cast<std::uint64_t>(std::max(time - clock_time_, Time{}).count());
  return clock_cycles_ + left / kNanosecond * clock_hz_ +
         (left % kNanosecond * clock_hz_ + kNanosecond - 1) / kNanosecond;
}

void Machine::set_deadline(Time until) {
  const Time wake = wakes_.empty() ? until : std::min(until, *wakes_.begin());
  core_->set_deadline(std::min(cycles_at(wake), system_.tick().due()));
}

Time Machine::now() const {
  const std::uint64_t cycles = core_->cycles() - clock_cycles_;
  return clock_time_ +
         Time(cycles / clock_hz_ * kNanosecond + cycles % clock_hz_ * kNanosecond / clock_hz_);
}

void Machine::wake_at(Time when) {
  wakes_.insert(when);
  set_deadline(until_);
}

void Machine::set_interrupt(unsigned line, bool high) {
  CHECK(line < Exceptions::kLines, "no line {}", line);
  system_.exceptions().set_line(line, high);
  core_->stop();
}

void Machine::set_clock(std::uint32_t hz) {
  CHECK(hz > 0, "a CPU without a clock");
  clock_time_ = now();
  clock_cycles_ = core_->cycles();
  clock_hz_ = hz;
  core_->stop();
}

void Machine::request_reset(std::string_view why) {
  reset_ = std::string(why);
  core_->stop();
}

void Machine::open_window(std::uint32_t address, std::uint32_t size, Window& window,
                          bool writable) {
  memory_->open_window(address, size, window, writable);
}

void Machine::refresh_window(std::uint32_t address, std::uint32_t offset, std::uint32_t size) {
  memory_->refresh_window(address, offset, size);
}

void Machine::close_window(std::uint32_t address) {
  memory_->close_window(address);
}

Status Machine::load(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  settle();
  if (memory_->write(address, bytes)) return {};
  return Error(Code::kNotFound, "{} has no memory that could hold {} bytes at {:#010x}", kind_.name,
               bytes.size(), address);
}

bool Machine::peek(std::uint32_t address, std::span<std::uint8_t> bytes) {
  settle();
  return memory_->read(address, bytes);
}

void Machine::read_memory(std::uint32_t address, std::span<std::uint8_t> bytes) {
  if (memory_->read(address, bytes)) return;
  violate(fmt::format("a bus master reads {} bytes at {:#010x}: no memory is there", bytes.size(),
                      address));
}

void Machine::write_memory(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  if (memory_->write(address, bytes)) return;
  violate(fmt::format("a bus master writes {} bytes at {:#010x}: no memory is there", bytes.size(),
                      address));
}

}  // namespace gangd::emu
