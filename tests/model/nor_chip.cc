#include "tests/model/nor_chip.h"

#include "base/check.h"
#include "tests/model/nor_silicon.h"

namespace gangd::model {

NorChip::NorChip(const Part& part, std::uint64_t seed)
    : part_(part), silicon_(std::make_unique<Silicon>(part, seed)) {}
NorChip::~NorChip() = default;

void NorChip::power_on(Time now) {
  silicon_->power_on(now);
}
void NorChip::power_off(Time now) {
  silicon_->power_off(now);
}
bool NorChip::powered() const {
  return silicon_->powered;
}

Time NorChip::run(const xspi_command& command, Time now, std::uint32_t clock_hz) {
  return silicon_->run(command, now, clock_hz);
}
Time NorChip::busy_until() const {
  return silicon_->busy_until();
}

void NorChip::peek(std::uint32_t address, std::span<std::uint8_t> bytes) const {
  CHECK(address <= part_.size && bytes.size() <= part_.size - address);
  silicon_->cells.peek(address, bytes);
}
void NorChip::poke(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  CHECK(address <= part_.size && bytes.size() <= part_.size - address);
  silicon_->cells.poke(address, bytes);
}

std::uint64_t NorChip::operations() const {
  return silicon_->operations;
}
bool NorChip::cut() const {
  return silicon_->cut;
}
const std::vector<std::string>& NorChip::complaints() const {
  return silicon_->complaints;
}

void NorChip::cut_power_at_operation(std::uint64_t n) {
  silicon_->order(n, Silicon::Fate::kCut);
}
void NorChip::fail_operation(std::uint64_t n) {
  silicon_->order(n, Silicon::Fate::kFail);
}
void NorChip::skip_operation(std::uint64_t n) {
  silicon_->order(n, Silicon::Fate::kSkip);
}
void NorChip::hang_operation(std::uint64_t n) {
  silicon_->order(n, Silicon::Fate::kHang);
}

void NorChip::weaken_bit(std::uint32_t address, unsigned bit) {
  CHECK(address < part_.size && bit < 8);
  silicon_->cells.wear_out(address, bit);
}
void NorChip::protect(bool all) {
  silicon_->protect(all);
}
void NorChip::lock_block(std::uint32_t address) {
  CHECK(address < part_.size);
  silicon_->locked_block = address;
}
void NorChip::be_slow(bool slow) {
  silicon_->slow = slow;
}
void NorChip::power_up_in(Mode mode) {
  CHECK(mode == Mode::kSpi || part_.bus == Part::Bus::kOctal);
  silicon_->power_up_mode = mode;
}
void NorChip::leave_in_continuous_read() {
  CHECK(part_.bus == Part::Bus::kQuad);
  silicon_->continuous_read = true;
}
void NorChip::blank_sfdp() {
  silicon_->sfdp_blank = true;
}

}  // namespace gangd::model
