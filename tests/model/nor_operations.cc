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

bool NorChip::Silicon::refuse_protected(Operation::Kind kind) {
  if ((status_ & part_.protection_bits) == 0) return false;
  complain("a write or an erase of a protected block");
  (kind == Operation::Kind::kErase ? erase_failed_ : program_failed_) = true;
  write_enabled_ = false;
  return true;
}

void NorChip::Silicon::begin_program(std::uint32_t address, const xspi_command& signals, Time now) {
  if (refuse_protected(Operation::Kind::kProgram)) return;
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
  if (refuse_protected(Operation::Kind::kErase)) return;
  begin_array({.kind = Operation::Kind::kErase, .address = address, .size = size, .bytes = {}},
              time, now);
}

void NorChip::Silicon::begin_register_write(const xspi_command& signals, Time now) {
  running_ = {.kind = Operation::Kind::kRegister,
              .bytes = {signals.write, signals.write + signals.size},
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

void NorChip::Silicon::complete(const Operation& operation) {
  write_enabled_ = false;
  if (operation.kind == Operation::Kind::kRegister) {
    write_registers(operation.bytes);
    return;
  }
  bool& failed = operation.kind == Operation::Kind::kErase ? erase_failed_ : program_failed_;
  failed = operation.fate == Fate::kFail;
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
      if (prng_.below(kWhole) < progress) write_registers(operation.bytes);
      return;
  }
}

// 01h takes the status register, then the configuration registers, as many as are sent.
void NorChip::Silicon::write_registers(const std::vector<std::uint8_t>& bytes) {
  const unsigned kept = part_.protection_bits | part_.quad_enable_bit;
  status_ = static_cast<std::uint8_t>(bytes[0] & kept);
  if (bytes.size() > 1) configuration_ = bytes[1];
  if (bytes.size() > 2) configuration2_ = bytes[2];
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
