#include "tests/emu/parts/register_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace gangd::emu {

RegisterFile::RegisterFile(Chip& chip, std::string owner, std::span<const RegisterRule> rules)
    : chip_(chip), owner_(std::move(owner)), rules_(rules), values_(rules.size()) {
  CHECK(std::ranges::is_sorted(rules, {}, &RegisterRule::offset));
  places_.resize(rules.back().offset / 4 + 1, kNowhere);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    places_[rules[i].offset / 4] = static_cast<std::uint16_t>(i);
  }
  reset();
}

void RegisterFile::reset() {
  std::ranges::transform(rules_, values_.begin(), &RegisterRule::reset);
}

std::size_t RegisterFile::index(std::uint32_t offset) const {
  const std::size_t found = place(offset);
  CHECK(found != kNowhere);
  return found;
}

void RegisterFile::violate(std::string_view sentence) const {
  chip_.violate(fmt::format("{}: {}", owner_, sentence));
}

const RegisterRule* RegisterFile::find(std::uint32_t offset, unsigned size,
                                       std::string_view doing) const {
  if (place(offset) == kNowhere) {
    violate(fmt::format("{} at offset {:X}h, where no register is", doing, offset));
    return nullptr;
  }
  const RegisterRule& found = rules_[place(offset)];
  if ((found.sizes & size) == 0 || offset % size != 0) {
    violate(fmt::format("{} of {} bytes at offset {:X}h of {}", doing, size, offset, found.name));
    return nullptr;
  }
  return &found;
}

namespace {

std::uint32_t lanes(unsigned size) {
  return size == 4 ? ~0u : (1u << (8 * size)) - 1;
}

}  // namespace

std::uint32_t RegisterFile::read(std::uint32_t offset, unsigned size) const {
  const RegisterRule* rule = find(offset, size, "a read");
  if (rule == nullptr) return 0;
  return (get(rule->offset) >> (8 * (offset & 3))) & lanes(size);
}

std::optional<RegisterFile::Write> RegisterFile::write(std::uint32_t offset, unsigned size,
                                                       std::uint32_t value) const {
  const RegisterRule* rule = find(offset, size, "a write");
  if (rule == nullptr) return std::nullopt;
  const unsigned shift = 8 * (offset & 3);
  const std::uint32_t reached = lanes(size) << shift;
  const std::uint32_t written = (value << shift) & reached;
  const std::uint32_t reserved = reached & ~(rule->writable | rule->read_only);
  if (((written ^ rule->reset) & reserved) != 0) {
    violate(fmt::format("{:08X}h written to {}, whose reserved bits {:08X}h must be kept", written,
                        rule->name, reserved));
    return std::nullopt;
  }
  const std::uint32_t old = get(rule->offset);
  const std::uint32_t taken = reached & rule->writable;
  return Write{.offset = rule->offset,
               .old = old,
               .value = (old & ~taken) | (written & taken),
               .written = written};
}

void RegisterFile::change(std::uint32_t offset, std::uint32_t mask, bool high) {
  const std::uint32_t value = get(offset);
  set(offset, high ? value | mask : value & ~mask);
}

}  // namespace gangd::emu
