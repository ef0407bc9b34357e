#include "tests/emu/parts/xspim.h"

#include <fmt/format.h>

namespace gangd::emu {
namespace {

constexpr std::uint32_t kCr = 0x00;
constexpr std::uint32_t kMuxen = 1u << 0, kMode = 1u << 1, kOverride = 1u << 4,
                        kOverride1 = 1u << 5;

constexpr RegisterRule kRules[] = {
    {.offset = kCr, .name = "CR", .writable = 0x00ff0073, .sizes = kWords},
};

constexpr unsigned kFunction = 9;
// Data sheet, alternate functions. Port 1: NCS1, DQS0 and CLK on port O, IO0 to IO15 on port P.
// Port 2: all on port N.
constexpr std::uint32_t kPort1Control = 1u << 0 | 1u << 4, kPort1Strobe = 1u << 2;
constexpr std::uint32_t kPort2Control = 1u << 1 | 1u << 6, kPort2Strobe = 1u << 0;

std::uint32_t data_pins(unsigned port, unsigned lanes) {
  if (lanes <= 1) lanes = 2;  // IO0 out, IO1 in
  const std::uint32_t all = (1u << lanes) - 1;
  return port == 1 ? all : (all & 0xf) << 2 | (all & 0xf0) << 4;
}

// The first pin of these that is not connected to the manager; empty: all are.
std::string loose(const Gpio& port, std::uint32_t pins) {
  for (unsigned bit = 0; bit < 16; ++bit) {
    if ((pins >> bit & 1) == 0) continue;
    if (port.mode(bit) != Gpio::Mode::kAlternate || port.alternate(bit) != kFunction) {
      return fmt::format("pin {} of {} is not connected to it", bit, port.name());
    }
  }
  return {};
}

}  // namespace

Xspim::Xspim(Chip& chip, Outside& outside, Pwr& pwr, Sbs& sbs, const Pins& pins)
    : outside_(outside), pwr_(pwr), sbs_(sbs), pins_(pins), registers_(chip, "XSPIM", kRules) {}

unsigned Xspim::port(unsigned instance) const {
  const bool swapped = registers_.has(kCr, kMode);
  if (registers_.has(kCr, kMuxen)) return swapped ? 2 : 1;
  return swapped ? 3 - instance : instance;
}

std::string Xspim::missing(unsigned instance, unsigned lanes, bool strobe) const {
  const unsigned to = port(instance);
  if (!pwr_.xspi_port_is_on(to)) {
    return fmt::format("port {} of XSPIM has no supply (EN_XSPIM{} in PWR_CSR2)", to, to);
  }
  const std::string fault = sbs_.pad_fault(to);
  if (!fault.empty()) return fault;
  const std::uint32_t data = data_pins(to, lanes);
  if (to == 1) {
    const std::string why = loose(pins_.o, kPort1Control | (strobe ? kPort1Strobe : 0));
    return why.empty() ? loose(pins_.p, data) : why;
  }
  if (lanes > 8) return "port 2 of XSPIM has 8 lanes";
  return loose(pins_.n, kPort2Control | (strobe ? kPort2Strobe : 0) | data);
}

SerialMemory* Xspim::memory(unsigned instance, unsigned chip_select) const {
  const std::uint32_t cr = registers_.get(kCr);
  if ((cr & kOverride) != 0) chip_select = cr / kOverride1 >> (instance - 1) & 1;
  return chip_select == 0 ? outside_.memory(port(instance)) : nullptr;
}

std::uint32_t Xspim::read(std::uint32_t offset, unsigned size) {
  return registers_.read(offset, size);
}

void Xspim::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  if (write->value != write->old && are_off && !are_off()) {
    registers_.violate("CR changed while a controller is enabled");
    return;
  }
  registers_.set(write->offset, write->value);
}

}  // namespace gangd::emu
