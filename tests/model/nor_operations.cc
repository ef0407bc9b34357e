// What takes the chip time: programs, erases, register writes, and how they are cut short.
#include <algorithm>
#include <utility>

#include "tests/model/nor_silicon.h"

namespace gangd::model {
namespace {

constexpr std::uint32_t kWhole = 1000;  // of progress

}  // namespace

void NorChip::Silicon::settle(Time now) {
  if (!running_ || now < running_->end) return;
  const Operation operation = std::move(*running_);
  running_.reset();
  complete(operation);
}

// By a bit of its own, which the status register does not show.
bool NorChip::Silicon::locked(std::uint32_t address, std::uint32_t size) const {
  if (!locked_block) return false;
  const std::uint32_t block = part_.erase_types.back().size;
  const std::uint32_t begin = *locked_block / block * block;
  return address < begin + block && begin < address + size;
}

// A part without fail flags says nothing.
bool NorChip::Silicon::refuse_protected(Operation::Kind kind, std::uint32_t address,
                                        std::uint32_t size) {
  const bool shown = (status_ & part_.protection_bits) != 0;
  if (!shown && !locked(address, size)) return false;
  if (shown) complain("a write or an erase of a protected block");
  (kind == Operation::Kind::kErase ? erase_failed_ : program_failed_) = true;
  protection_failed_ = true;
  write_enabled_ = part_.maker == Part::Maker::kMicron;
  return true;
}

void NorChip::Silicon::begin_program(std::uint32_t address, const xspi_command& signals, Time now) {
  if (refuse_protected(Operation::Kind::kProgram, address, 1)) return;
  const std::uint32_t page = address / part_.page_size * part_.page_size;
  const std::uint32_t offset = address % part_.page_size;
  if (offset + signals.size > part_.page_size) complain("a program that wraps within its page");
  // The page buffer of the chip: what comes later replaces what came before.
  std::vector<std::uint8_t> bytes(part_.page_size, 0xff);
  for (std::uint32_t i = 0; i < signals.size; ++i) {
    bytes[(offset + i) % part_.page_size] = signals.write[swapped() ? i ^ 1 : i];
  }
  begin_array({.kind = Operation::Kind::kProgram, .address = page, .bytes = std::move(bytes)},
              times().page_program, now);
}

void NorChip::Silicon::begin_erase(std::uint32_t address, std::uint32_t size, BusyTime time,
                                   Time now) {
  if (refuse_protected(Operation::Kind::kErase, address, size)) return;
  begin_array({.kind = Operation::Kind::kErase, .address = address, .size = size, .bytes = {}},
              time, now);
}

void NorChip::Silicon::begin_register_write(const NorCommand& command, const xspi_command& signals,
                                            Time now) {
  running_ = {.kind = Operation::Kind::kRegister,
              .bytes = {signals.write, signals.write + signals.size},
              .second = command.action == Action::kWriteStatus2,
              .begin = now,
              .end = now + length(times().register_write)};
}

void NorChip::Silicon::begin_array(Operation operation, BusyTime time, Time now) {
  const auto ordered = fates_.find(operations++);
  if (ordered != fates_.end()) {
    operation.fate = ordered->second;
    fates_.erase(ordered);
  }
  if (operation.fate == Fate::kCut) {
    apply_partly(operation, static_cast<std::uint32_t>(prng_.below(kWhole)));
    powered = false;
    cut = true;
    return;
  }
  operation.begin = now;
  operation.end = operation.fate == Fate::kHang ? Time::max() : now + length(time);
  running_ = std::move(operation);
}

// Micron: a failure stays to be seen until it is cleared, and leaves the chip write-enabled.
void NorChip::Silicon::complete(const Operation& operation) {
  const bool micron = part_.maker == Part::Maker::kMicron;
  write_enabled_ = micron && operation.fate == Fate::kFail;
  if (operation.kind == Operation::Kind::kRegister) {
    write_registers(operation);
    return;
  }
  bool& failed = operation.kind == Operation::Kind::kErase ? erase_failed_ : program_failed_;
  failed = operation.fate == Fate::kFail || (micron && failed);
  if (operation.fate != Fate::kNormal) return;
  if (operation.kind == Operation::Kind::kErase) {
    cells.erase(operation.address, operation.size);
  } else {
    cells.program(operation.address, operation.bytes);
  }
}

void NorChip::Silicon::apply_partly(const Operation& operation, std::uint32_t progress) {
  switch (operation.kind) {
    case Operation::Kind::kErase:
      cells.erase_partly(operation.address, operation.size, progress);
      return;
    case Operation::Kind::kProgram:
      cells.program_partly(operation.address, operation.bytes, progress);
      return;
    case Operation::Kind::kRegister:
      if (prng_.below(kWhole) < progress) write_registers(operation);
      return;
  }
}

// 01h takes the status register, then what the maker has behind it, as many as are sent.
void NorChip::Silicon::write_registers(const Operation& operation) {
  const std::vector<std::uint8_t>& bytes = operation.bytes;
  if (registers_held) return;
  if (operation.second) {
    status2_ = bytes[0];
    return;
  }
  const bool winbond = part_.maker == Part::Maker::kWinbond;
  const unsigned kept = part_.protection_bits | (winbond ? 0 : part_.quad_enable_bit);
  status_ = static_cast<std::uint8_t>(bytes[0] & kept);
  switch (part_.maker) {
    case Part::Maker::kMacronix:
      if (bytes.size() > 1) configuration_ = bytes[1];
      if (bytes.size() > 2) configuration2_ = bytes[2];
      return;
    case Part::Maker::kWinbond:
      if (bytes.size() > 1) status2_ = bytes[1];
      return;
    case Part::Maker::kMicron:
    case Part::Maker::kIssi:
      if (bytes.size() > 1) complain("a write of more than the status register");
      return;
  }
}

bool NorChip::Silicon::abort(Time now) {
  const std::optional<Operation> operation =
      running_ ? std::exchange(running_, {}) : std::exchange(suspended_, {});
  if (!operation) return false;
  std::uint32_t progress = static_cast<std::uint32_t>(prng_.below(kWhole));
  if (operation->end > operation->begin && operation->end != Time::max() &&
      now >= operation->begin) {
    const auto part = (now - operation->begin) * kWhole / (operation->end - operation->begin);
    progress = static_cast<std::uint32_t>(std::min<Time::rep>(part, kWhole));
  }
  apply_partly(*operation, progress);
  write_enabled_ = false;
  return true;
}

void NorChip::Silicon::suspend(Time now) {
  if (!running_ || running_->kind == Operation::Kind::kRegister) return;
  suspended_ = std::exchange(running_, {});
  suspended_->end = suspended_->end == Time::max() ? Time::max() : suspended_->end - now;
  suspended_->begin = Time::max();  // how far it had got no longer shows in these two
  ready_at_ = now + part_.suspend;
}

void NorChip::Silicon::resume(Time now) {
  if (!suspended_) return;
  running_ = std::exchange(suspended_, {});
  running_->begin = now;
  running_->end = running_->end == Time::max() ? Time::max() : now + running_->end;
}

}  // namespace gangd::model
