#include "tests/emu/parts/gated.h"

#include <fmt/format.h>

namespace gangd::emu {

Gated::Gated(Chip& chip, Rcc& rcc, const Gate& gate, std::unique_ptr<Peripheral> peripheral)
    : chip_(chip), rcc_(rcc), gate_(gate), peripheral_(std::move(peripheral)) {
  rcc_.resets(gate, *peripheral_);
}

bool Gated::answers(std::uint32_t offset, const char* doing) const {
  const char* why = !rcc_.runs(gate_)     ? "without its clock in RCC"
                    : rcc_.is_held(gate_) ? "while RCC holds it in reset"
                                          : nullptr;
  if (why == nullptr) return true;
  chip_.violate(fmt::format("{}: {} at offset {:X}h {}", name(), doing, offset, why));
  return false;
}

std::uint32_t Gated::read(std::uint32_t offset, unsigned size) {
  return answers(offset, "a read") ? peripheral_->read(offset, size) : 0;
}

void Gated::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  if (answers(offset, "a write")) peripheral_->write(offset, size, value);
}

}  // namespace gangd::emu
