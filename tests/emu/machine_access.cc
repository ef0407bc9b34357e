// What the program reads and writes, and what becomes of it if it may not.
#include <fmt/core.h>

#include <algorithm>

#include "tests/emu/machine.h"
#include "tests/emu/words.h"

namespace gangd::emu {
namespace {

constexpr std::uint32_t kInstructionForbidden = 1u << 0, kDataForbidden = 1u << 1;
constexpr std::uint32_t kInstructionNowhere = 1u << 8, kDataNowhere = 1u << 9;
constexpr std::uint32_t kStir = 0xe000ef00;
// Of the trace that is printed.
constexpr std::size_t kRunsMax = 16, kAccessesMax = 24;

std::string_view verb(Access access) {
  switch (access) {
    case Access::kRead:
      return "a read";
    case Access::kWrite:
      return "a write";
    case Access::kFetch:
      return "a fetch";
  }
  return "";
}

}  // namespace

Core::System::Runnable Machine::runnable(std::uint32_t address) {
  const Runnable found = memory_->runnable(address);
  if (found.size != 0) return found;
  // The core has fetched it: it is there.
  raise({.exception = kMemManage,
         .status = kInstructionForbidden,
         .address = std::nullopt,
         .sentence = fmt::format("a fetch at {:#010x} that the MPU forbids", address)});
  return found;
}

bool Machine::not_mapped(std::uint32_t address, unsigned size, Access access, std::uint32_t value) {
  const Memory::Touch touch = memory_->touch(address, size, access, value);
  watch_power();
  if (touch == Memory::Touch::kDone) return violation_.empty();
  if (!violation_.empty() || lost_power_) return false;
  const bool fetch = access == Access::kFetch;
  const std::string what = fmt::format("{} of {} bytes at {:#010x}", verb(access), size, address);
  switch (touch) {
    case Memory::Touch::kForbidden:
      raise({.exception = kMemManage,
             .status = fetch ? kInstructionForbidden : kDataForbidden,
             .address = address,
             .sentence = what + " that the MPU forbids"});
      break;
    case Memory::Touch::kReadOnly:
      raise({.exception = kBusFault,
             .status = kDataNowhere,
             .address = address,
             .sentence = what + ": this window takes no writes"});
      break;
    case Memory::Touch::kLost:
      violate(lost_write(address, size));
      break;
    case Memory::Touch::kFailed:
      violate(what + ": the window gave nothing");
      break;
    case Memory::Touch::kAgain:
      again_ = true;
      break;
    case Memory::Touch::kNothing:
    case Memory::Touch::kDone:
      for (const ShyRange& range : kind_.shy) {
        if (!range.hangs || address - range.address >= range.size) continue;
        violate(fmt::format("{}: {}", what, range.why));
        return false;
      }
      raise({.exception = kBusFault,
             .status = fetch ? kInstructionNowhere : kDataNowhere,
             .address = address,
             .sentence = what + ": nothing is there"});
      break;
  }
  return false;
}

const Mapped* Machine::mapped_at(std::uint32_t address) {
  if (last_mapped_ != nullptr && address - last_mapped_->address < last_mapped_->size) {
    return last_mapped_;
  }
  const auto after = std::ranges::upper_bound(by_address_, address, {}, &Mapped::address);
  if (after == by_address_.begin()) return nullptr;
  const Mapped* const mapped = *std::prev(after);
  if (address - mapped->address >= mapped->size) return nullptr;
  return last_mapped_ = mapped;
}

bool Machine::may_access(std::uint32_t address, unsigned size, bool writes) {
  if (!violation_.empty() || fault_) return false;
  const std::string_view doing = writes ? "a write" : "a read";
  if (address % size != 0 && !memory_->has(address)) {
    raise_in_access(
        {.exception = kUsageFault,
         .status = 1u << 24,
         .address = std::nullopt,
         .sentence = fmt::format("{} of {} bytes at {:#010x}: registers must be aligned", doing,
                                 size, address)});
    return false;
  }
  if (address >= SystemBlock::kAddress) {
    const bool may_pend = address == kStir && writes && system_.unprivileged_may_pend();
    if (core_->privileged() || may_pend) return true;
    raise_in_access({.exception = kBusFault,
                     .status = kDataNowhere,
                     .address = address,
                     .sentence = fmt::format("{} at {:#010x} without privilege", doing, address)});
    return false;
  }
  if (memory_->permits(address, size, writes ? Access::kWrite : Access::kRead)) return true;
  raise_in_access({.exception = kMemManage,
                   .status = kDataForbidden,
                   .address = address,
                   .sentence = fmt::format("{} of {} bytes at {:#010x} that the MPU forbids", doing,
                                           size, address)});
  return false;
}

bool Machine::ignores_bus_faults() const {
  return system_.ignores_bus_faults() && system_.exceptions().running_priority(core_->masks()) < 0;
}

std::uint32_t Machine::read(std::uint32_t address, unsigned size) {
  if (!may_access(address, size, false)) return 0;
  if (memory_->has(address)) {
    std::array<std::uint8_t, 4> bytes{};
    const bool good = memory_->read_for_core(address, std::span(bytes).first(size));
    if (!good && !ignores_bus_faults()) {
      raise_in_access({.exception = kBusFault,
                       .status = kDataNowhere,
                       .address = address,
                       .sentence = fmt::format("a read of {} bytes at {:#010x} that fails, as a "
                                               "write there was cut",
                                               size, address)});
    }
    return word_at(bytes, 0);
  }
  Entry entry{.pc = core_->last(), .address = address, .size = static_cast<std::uint8_t>(size)};
  if (address >= SystemBlock::kAddress) {
    entry.value = system_.read(address, size);
  } else if (const Mapped* const mapped = mapped_at(address)) {
    entry.peripheral = mapped->peripheral.get();
    entry.value = mapped->peripheral->read(address - mapped->address, size);
    watch_power();
  } else {
    violate(fmt::format("a read of {} bytes at {:#010x}: no peripheral that is modelled", size,
                        address));
  }
  note(entry);
  return entry.value;
}

void Machine::write(std::uint32_t address, unsigned size, std::uint32_t value) {
  if (!may_access(address, size, true)) return;
  if (memory_->has(address)) {
    if (memory_->loses_write_to(address)) return violate(lost_write(address, size));
    const auto bytes = bytes_of(value);
    (void)memory_->write(address, std::span(bytes).first(size));
    return watch_power();
  }
  Entry entry{.pc = core_->last(),
              .address = address,
              .value = value,
              .size = static_cast<std::uint8_t>(size),
              .writes = true};
  const Mapped* const mapped = mapped_at(address);
  if (mapped != nullptr) entry.peripheral = mapped->peripheral.get();
  note(entry);
  if (address >= SystemBlock::kAddress) {
    system_.write(address, size, value);
    return watch_caches(address);
  }
  if (mapped != nullptr) {
    mapped->peripheral->write(address - mapped->address, size, value);
    return watch_power();
  }
  violate(fmt::format("a write of {} bytes at {:#010x}: no peripheral that is modelled", size,
                      address));
}

std::string Machine::lost_write(std::uint32_t address, unsigned size) const {
  return fmt::format(
      "a write of {} bytes at {:#010x} while the data cache is off and not empty: an older line "
      "may be written over it",
      size, address);
}

// With a cache on, the CPU reads ahead wherever the MPU does not forbid it.
void Machine::watch_caches(std::uint32_t written) {
  constexpr std::uint32_t kCcr = 0xe000ed14, kMpu = 0xe000ed90, kMpuEnd = 0xe000edbc;
  const bool matters = written == kCcr || (written >= kMpu && written < kMpuEnd);
  if (!matters || !system_.caches_on()) return;
  for (const ShyRange& range : kind_.shy) {
    const std::uint32_t mapped = range.is_window ? memory_->window_size(range.address) : 0;
    const std::uint32_t from = range.address + mapped;
    if (system_.mpu().shuts(from, range.size - mapped, range.hangs)) continue;
    return violate(fmt::format("a cache is on, and the MPU lets the CPU read ahead at {:#010x}: {}",
                               from, range.why));
  }
}

bool Machine::state_changed() {
  if (system_.exceptions().next(core_->masks()) != kNone) return true;
  return !memory_->has_view(view());
}

void Machine::note(const Entry& entry) {
  // What the CPU reads of itself, timers most of all, would leave no room for what matters.
  const bool matters = entry.writes || entry.address < SystemBlock::kAddress;
  if (matters) accesses_[access_count_++ % accesses_.size()] = entry;
  if (options_.on_trace) options_.on_trace(text_of(entry));
}

std::string Machine::text_of(const Entry& entry) const {
  const std::string where =
      entry.peripheral != nullptr
          ? fmt::format("{} {:#010x}", entry.peripheral->name(), entry.address)
          : fmt::format("{:#010x}", entry.address);
  return fmt::format("{}: {} {} {:#x}{}", describe(entry.pc), where, entry.writes ? "<-" : "->",
                     entry.value, entry.size == 4 ? "" : fmt::format(" ({} bytes)", entry.size));
}

void Machine::raise(Fault fault) {
  if (fault_) return;
  fault_ = std::move(fault);
  core_->stop();
}

void Machine::raise_in_access(Fault fault) {
  before_.clear();
  for (unsigned n = 0; n < Core::kPc; ++n) before_.push_back(core_->get(n));
  before_pc_ = core_->last();
  raise(std::move(fault));
}

std::string Machine::describe(std::uint32_t address) const {
  const std::string name = options_.name ? options_.name(address) : "";
  return name.empty() ? fmt::format("{:#010x}", address)
                      : fmt::format("{:#010x} {}", address, name);
}

void Machine::violate(std::string sentence) {
  // What a chip without power does is nobody's fault.
  watch_power();
  if (!violation_.empty() || lost_power_) return;
  sentence_ = std::move(sentence);
  violation_ = sentence_ + "\n" + trace();
  core_->stop();
}

// Registers; the last instructions as runs without jumps; the last accesses to registers.
std::string Machine::trace() const {
  std::string text = fmt::format("at {}, {:.6f} ms, {} instructions\n", describe(core_->last()),
                                 static_cast<double>(now().count()) / 1e6, core_->instructions());
  for (unsigned n = 0; n < Core::kPc; ++n) {
    text += fmt::format("{}r{}={:08x}", n % 8 == 0 ? "  " : " ", n, core_->get(n));
    if (n % 8 == 7) text += "\n";
  }
  text += fmt::format(" psr={:08x}\n", core_->psr());
  std::array<std::uint32_t, Core::kTraceMax> space;
  const auto steps = core_->trace(space);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> runs;
  for (const std::uint32_t at : steps) {
    const bool follows = !runs.empty() && at > runs.back().second && at - runs.back().second <= 4;
    if (follows) {
      runs.back().second = at;
    } else {
      runs.emplace_back(at, at);
    }
  }
  text += "last instructions:\n";
  for (std::size_t i = runs.size() - std::min(runs.size(), kRunsMax); i < runs.size(); ++i) {
    text += fmt::format("  {} .. {:#010x}\n", describe(runs[i].first), runs[i].second);
  }
  return text + "last accesses to registers:\n" + last_accesses();
}

// What is repeated, as polling is, is told once.
std::string Machine::last_accesses() const {
  const std::uint64_t count = std::min<std::uint64_t>(access_count_, accesses_.size());
  std::vector<std::pair<std::string, unsigned>> lines;
  for (std::uint64_t i = access_count_ - count; i < access_count_; ++i) {
    std::string line = text_of(accesses_[i % accesses_.size()]);
    if (!lines.empty() && lines.back().first == line) {
      ++lines.back().second;
    } else {
      lines.emplace_back(std::move(line), 1);
    }
  }
  std::string text;
  for (std::size_t i = lines.size() - std::min(lines.size(), kAccessesMax); i < lines.size(); ++i) {
    const auto& [line, times] = lines[i];
    text += fmt::format("  {}{}\n", line, times == 1 ? "" : fmt::format(" ({} times)", times));
  }
  return text;
}

}  // namespace gangd::emu
