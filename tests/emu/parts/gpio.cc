#include "tests/emu/parts/gpio.h"

#include <fmt/format.h>

namespace gangd::emu {
namespace {

constexpr std::uint32_t kModer = 0x00, kOtyper = 0x04, kOspeedr = 0x08, kPupdr = 0x0c, kIdr = 0x10,
                        kOdr = 0x14, kBsrr = 0x18, kLckr = 0x1c, kAfrl = 0x20, kAfrh = 0x24,
                        kBrr = 0x28;
constexpr std::uint32_t kLckk = 1u << 16;

// A port's reset values: analog, but for the debugger's pins.
constexpr RegisterRule kRules[] = {
    {.offset = kModer, .name = "MODER", .reset = ~0u, .writable = ~0u},
    {.offset = kOtyper, .name = "OTYPER", .writable = 0xffff},
    {.offset = kOspeedr, .name = "OSPEEDR", .writable = ~0u},
    {.offset = kPupdr, .name = "PUPDR", .writable = ~0u},
    {.offset = kIdr, .name = "IDR", .read_only = 0xffff},
    {.offset = kOdr, .name = "ODR", .writable = 0xffff},
    {.offset = kBsrr, .name = "BSRR", .writable = ~0u},
    {.offset = kLckr, .name = "LCKR", .writable = 0x1ffff},
    {.offset = kAfrl, .name = "AFRL", .writable = ~0u},
    {.offset = kAfrh, .name = "AFRH", .writable = ~0u},
    {.offset = kBrr, .name = "BRR", .writable = 0xffff},
};

// Each bit of `bits` becomes two.
std::uint32_t doubled(std::uint32_t bits) {
  std::uint32_t both = 0;
  for (unsigned bit = 0; bit < 16; ++bit) both |= ((bits >> bit) & 1) * 3u << (2 * bit);
  return both;
}

}  // namespace

Gpio::Gpio(Chip& chip, Outside& outside, std::uint8_t port)
    : outside_(outside),
      port_(port),
      registers_(chip, fmt::format("GPIO{}", static_cast<char>('A' + port)), kRules) {
  reset(true);
}

void Gpio::reset(bool /*cold*/) {
  registers_.reset();
  if (port_ == 0) {
    registers_.set(kModer, 0xabffffff);
    registers_.set(kOspeedr, 0x0c000000);
    registers_.set(kPupdr, 0x64000000);
  } else if (port_ == 1) {
    registers_.set(kModer, 0xfffffebf);
    registers_.set(kOspeedr, 0x000000c0);
    registers_.set(kPupdr, 0x00000100);
  }
  lock_step_ = 0;
  told_for_ = 0;
}

Gpio::Mode Gpio::mode(unsigned bit) const {
  return static_cast<Mode>((registers_.get(kModer) >> (2 * bit)) & 3);
}

unsigned Gpio::alternate(unsigned bit) const {
  return (registers_.get(bit < 8 ? kAfrl : kAfrh) >> (4 * (bit % 8))) & 15;
}

// A pin that nothing drives has the level of its pull resistor, and without one reads 0.
bool Gpio::level(unsigned bit) const {
  const bool open_drain = ((registers_.get(kOtyper) >> bit) & 1) != 0;
  const bool output = ((registers_.get(kOdr) >> bit) & 1) != 0;
  if (mode(bit) == Mode::kOutput && !(open_drain && output)) return output;
  const auto found = outside_.levels.find({port_, static_cast<std::uint8_t>(bit)});
  if (found != outside_.levels.end()) return found->second;
  return ((registers_.get(kPupdr) >> (2 * bit)) & 3) == 1;
}

std::uint32_t Gpio::read(std::uint32_t offset, unsigned size) {
  std::uint32_t levels = 0;
  for (unsigned bit = 0; bit < 16; ++bit) {
    if (mode(bit) != Mode::kAnalog && level(bit)) levels |= 1u << bit;
  }
  registers_.set(kIdr, levels);
  return registers_.read(offset, size);
}

// A locked pin's configuration stays until the next reset.
bool Gpio::is_locked(const RegisterFile::Write& write) const {
  const std::uint32_t lock = registers_.get(kLckr);
  if ((lock & kLckk) == 0) return false;
  const std::uint32_t changed = write.old ^ write.value;
  const std::uint32_t pins = lock & 0xffff;
  switch (write.offset) {
    case kModer:
    case kOspeedr:
    case kPupdr:
      return (changed & doubled(pins)) != 0;
    case kOtyper:
      return (changed & pins) != 0;
    case kAfrl:
    case kAfrh:
      for (unsigned bit = 0; bit < 8; ++bit) {
        const unsigned pin = write.offset == kAfrl ? bit : bit + 8;
        if (((changed >> (4 * bit)) & 15) != 0 && ((pins >> pin) & 1) != 0) return true;
      }
      return false;
    default:
      return false;
  }
}

void Gpio::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  if (is_locked(*write)) {
    registers_.violate(fmt::format("{} of a locked pin changed", registers_.name(write->offset)));
    return;
  }
  switch (write->offset) {
    case kIdr:
      return;
    case kBsrr:
      set_outputs((registers_.get(kOdr) & ~(write->written >> 16)) | (write->written & 0xffff));
      return;
    case kBrr:
      set_outputs(registers_.get(kOdr) & ~write->written);
      return;
    case kOdr:
      set_outputs(write->value);
      return;
    case kLckr:
      write_lock(*write);
      return;
    default:
      registers_.set(write->offset, write->value);
      tell_outputs();
      return;
  }
}

void Gpio::set_outputs(std::uint32_t levels) {
  registers_.set(kOdr, levels);
  tell_outputs();
}

// LCKK with the pins, without it, with it again: then they are locked.
void Gpio::write_lock(const RegisterFile::Write& write) {
  if (registers_.has(kLckr, kLckk)) return;
  const bool key = (write.value & kLckk) != 0;
  const bool same = lock_step_ == 0 || (write.value & 0xffff) == (registers_.get(kLckr) & 0xffff);
  lock_step_ = same && key == (lock_step_ != 1) ? lock_step_ + 1 : 0;
  registers_.set(kLckr, write.value & 0xffff);
  if (lock_step_ == 3) registers_.change(kLckr, kLckk, true);
}

void Gpio::tell_outputs() {
  for (std::uint8_t bit = 0; bit < 16; ++bit) {
    const std::uint32_t mask = 1u << bit;
    if (mode(bit) != Mode::kOutput) {
      told_for_ &= ~mask;
      continue;
    }
    const bool high = level(bit);
    if ((told_for_ & mask) != 0 && ((told_ & mask) != 0) == high) continue;
    told_for_ |= mask;
    told_ = high ? told_ | mask : told_ & ~mask;
    if (outside_.on_output) outside_.on_output({port_, bit}, high);
  }
}

}  // namespace gangd::emu
