#include "tests/model/nor_chip.h"

#include <algorithm>

#include "base/check.h"
#include "tests/model/nor_silicon.h"

namespace gangd::model {

NorChip::NorChip(const Part& part, std::uint64_t seed) : part_(part), die_(part) {
  CHECK(part.dies == 1 || part.dies == 2);
  if (part.dies == 1) {
    dies_.push_back(std::make_unique<Silicon>(part, seed, complaints_));
    return;
  }
  for (EraseType type : part.erase_types) {
    type.size /= 2;
    die_erase_types_.push_back(type);
  }
  die_.size /= 2;
  die_.page_size /= 2;
  die_.erase_types = die_erase_types_;
  for (std::uint64_t i = 0; i < 2; ++i) {
    dies_.push_back(std::make_unique<Silicon>(die_, 2 * seed + i, complaints_));
  }
}
NorChip::~NorChip() = default;

void NorChip::power_on(Time now) {
  for (const auto& die : dies_) die->power_on(now);
}
void NorChip::power_off(Time now) {
  for (const auto& die : dies_) die->power_off(now);
}
bool NorChip::powered() const {
  return dies_.front()->powered;
}

Time NorChip::run(const xspi_command& command, Time now, std::uint32_t clock_hz) {
  if (dies_.size() == 1) return dies_.front()->run(command, now, clock_hz);
  return run_both(command, now, clock_hz);
}

// Bytes at even places are those of the first die.
Time NorChip::run_both(const xspi_command& command, Time now, std::uint32_t clock_hz) {
  if (command.address % 2 != 0 || command.size % 2 != 0) {
    complaints_.push_back("an odd address or an odd size on two dies");
  }
  xspi_command half = command;
  half.address /= 2;
  half.size /= 2;
  std::vector<std::uint8_t> bytes(half.size);
  if (command.read != nullptr) half.read = bytes.data();
  if (command.write != nullptr) half.write = bytes.data();
  Time taken{};
  for (std::size_t die = 0; die < 2; ++die) {
    for (std::size_t i = 0; i < bytes.size() && command.write != nullptr; ++i) {
      bytes[i] = command.write[2 * i + die];
    }
    taken = dies_[die]->run(half, now, clock_hz);
    for (std::size_t i = 0; i < bytes.size() && command.read != nullptr; ++i) {
      command.read[2 * i + die] = bytes[i];
    }
  }
  return taken;
}

Time NorChip::busy_until() const {
  Time until = Time::min();
  for (const auto& die : dies_) until = std::max(until, die->busy_until());
  return until;
}

void NorChip::peek(std::uint32_t address, std::span<std::uint8_t> bytes) const {
  CHECK(address <= part_.size && bytes.size() <= part_.size - address);
  if (dies_.size() == 1) return dies_.front()->cells.peek(address, bytes);
  std::vector<std::uint8_t> half(bytes.size() / 2 + 1);
  for (std::uint32_t die = 0; die < 2; ++die) {
    const std::uint32_t first = (address + die) % 2;  // place of its first byte
    const std::size_t count = (bytes.size() + 1 - first) / 2;
    dies_[die]->cells.peek((address + first) / 2, std::span(half).first(count));
    for (std::size_t i = 0; i < count; ++i) bytes[2 * i + first] = half[i];
  }
}

bool NorChip::firm(std::uint32_t address, std::uint32_t size) const {
  CHECK(address <= part_.size && size <= part_.size - address);
  const auto count = static_cast<std::uint32_t>(dies_.size());
  const std::uint32_t begin = address / count;
  const std::uint32_t end = (address + size + count - 1) / count;
  return std::ranges::all_of(dies_,
                             [&](const auto& die) { return die->cells.firm(begin, end - begin); });
}

void NorChip::poke(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  CHECK(address <= part_.size && bytes.size() <= part_.size - address);
  if (dies_.size() == 1) return dies_.front()->cells.poke(address, bytes);
  for (std::uint32_t die = 0; die < 2; ++die) {
    const std::uint32_t first = (address + die) % 2;
    std::vector<std::uint8_t> half;
    for (std::size_t i = first; i < bytes.size(); i += 2) half.push_back(bytes[i]);
    dies_[die]->cells.poke((address + first) / 2, half);
  }
}

std::uint64_t NorChip::operations() const {
  return dies_.front()->operations;
}
bool NorChip::cut() const {
  return dies_.front()->cut;
}
const std::vector<std::string>& NorChip::complaints() const {
  return complaints_;
}

void NorChip::cut_power_at_operation(std::uint64_t n) {
  for (const auto& die : dies_) die->order(n, Silicon::Fate::kCut);
}
void NorChip::forget_orders() {
  for (const auto& die : dies_) die->forget_orders();
}
void NorChip::fail_operation(std::uint64_t n) {
  dies_.back()->order(n, Silicon::Fate::kFail);
}
void NorChip::skip_operation(std::uint64_t n) {
  dies_.back()->order(n, Silicon::Fate::kSkip);
}
void NorChip::hang_operation(std::uint64_t n) {
  dies_.back()->order(n, Silicon::Fate::kHang);
}

void NorChip::weaken_bit(std::uint32_t address, unsigned bit) {
  CHECK(address < part_.size && bit < 8);
  const auto count = static_cast<std::uint32_t>(dies_.size());
  dies_[address % count]->cells.wear_out(address / count, bit);
}
void NorChip::protect(bool all) {
  for (const auto& die : dies_) die->protect(all);
}
void NorChip::hold_registers(bool held) {
  for (const auto& die : dies_) die->registers_held = held;
}
void NorChip::lock_block(std::uint32_t address) {
  CHECK(address < part_.size);
  for (const auto& die : dies_) {
    die->locked_block = address / static_cast<std::uint32_t>(dies_.size());
  }
}
void NorChip::be_slow(bool slow) {
  for (const auto& die : dies_) die->slow = slow;
}
void NorChip::power_up_in(Mode mode) {
  CHECK(mode == Mode::kSpi || part_.bus == Part::Bus::kOctal);
  for (const auto& die : dies_) die->power_up_mode = mode;
}
void NorChip::garble_reads_above(std::uint32_t clock_hz) {
  for (const auto& die : dies_) die->clean_hz = clock_hz;
}
void NorChip::leave_in_continuous_read() {
  CHECK(part_.bus == Part::Bus::kQuad);
  for (const auto& die : dies_) die->continuous_read = true;
}
void NorChip::ignore_chip_erase() {
  for (const auto& die : dies_) die->chip_erase_ignored = true;
}
void NorChip::blank_sfdp() {
  for (const auto& die : dies_) die->sfdp_blank = true;
}

}  // namespace gangd::model
