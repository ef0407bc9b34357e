#include "tests/emu/parts/rcc.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/emu/parts/rcc_registers.h"

namespace gangd::emu {

using namespace rcc;

namespace {

// Of each source in CR (LSE in BDCR, LSI in CSR): the bit that starts it. Ready is beside it, but
// for HSI, whose next bit is another.
constexpr unsigned kOnBit[] = {0, 7, 12, 16, 24, 26, 28, 0, 0};
constexpr unsigned kReadyBit[] = {2, 8, 13, 17, 25, 27, 29, 1, 1};
constexpr std::string_view kSourceNames[] = {"HSI",  "CSI",  "HSI48", "HSE", "PLL1",
                                             "PLL2", "PLL3", "LSE",   "LSI"};
// Start-up, of the order of the data sheet's figures.
using std::chrono::microseconds;
constexpr Time kStartTimes[] = {microseconds(2),    microseconds(3),         microseconds(4),
                                microseconds(2000), microseconds(80),        microseconds(80),
                                microseconds(80),   std::chrono::seconds(1), microseconds(130)};

constexpr std::uint32_t kSws = 7u << 3;
constexpr std::uint32_t kHseByp = 1u << 18, kHsidivf = 1u << 5;
constexpr std::uint32_t kLsebyp = 1u << 2, kVswrst = 1u << 16;
constexpr std::uint32_t kRmvf = 1u << 16, kPinFlag = 1u << 22, kPowerFlags = 3u << 21 | 1u << 23,
                        kSoftwareFlag = 1u << 24, kWatchdogFlag = 1u << 26;
constexpr std::uint32_t kXspickp = 1u << 0, kFmcckp = 1u << 1;

// Data sheet: the fastest clocks with VOS high, and with VOS low.
struct Limits {
  std::uint32_t cpu, bus, apb;
};
constexpr Limits kFast{600'000'000, 300'000'000, 150'000'000};
constexpr Limits kSlow{400'000'000, 200'000'000, 100'000'000};
constexpr std::uint32_t kFlashHzPerState = 40'000'000;

std::uint32_t bits(std::uint32_t value, unsigned low, unsigned count) {
  return (value >> low) & ((1u << count) - 1);
}

// CPRE and BMPRE: 0xxx is 1; then 2, 4, 8, 16, 64 to 512.
std::uint32_t divided(std::uint32_t hz, std::uint32_t field) {
  if (field < 8) return hz;
  const unsigned shift = field < 12 ? field - 7 : field - 6;
  return hz >> shift;
}

}  // namespace

Rcc::Rcc(Chip& chip, const Outside& outside, Pwr& pwr, FlashController& flash)
    : chip_(chip), outside_(outside), pwr_(pwr), flash_(flash), registers_(chip, "RCC", kRules) {
  pwr_.on_voltage = [this] { check_speed(); };
  flash_.on_latency = [this] { check_speed(); };
}

// --- the tree

bool Rcc::is_ready(Source source) const {
  const std::uint32_t at = source == kLse ? kBdcr : source == kLsi ? kCsr : kCr;
  if (!registers_.has(at, 1u << kOnBit[source])) return false;
  if (source == kHse && outside_.hse_hz == 0) return false;
  if (source == kLse && outside_.lse_hz == 0) return false;
  return chip_.now() >= ready_at_[source];
}

std::uint32_t Rcc::hz(Source source) const {
  switch (source) {
    case kHsi:
      return 64'000'000u >> bits(registers_.get(kCr), 3, 2);
    case kCsi:
      return 4'000'000;
    case kHsi48:
      return 48'000'000;
    case kHse:
      return outside_.hse_hz;
    case kLse:
      return outside_.lse_hz;
    case kLsi:
      return 32'000;
    default:
      return 0;
  }
}

std::uint32_t Rcc::pll_source_hz() const {
  constexpr Source kSourceOf[] = {kHsi, kCsi, kHse};
  const std::uint32_t select = bits(registers_.get(kPllckselr), 0, 2);
  if (select == 3 || !is_ready(kSourceOf[select])) return 0;
  return hz(kSourceOf[select]);
}

double Rcc::reference_hz(unsigned pll) const {
  const std::uint32_t divider = bits(registers_.get(kPllckselr), 4 + 8 * pll, 6);
  return divider == 0 ? 0 : double(pll_source_hz()) / divider;
}

double Rcc::vco_hz(unsigned pll) const {
  const std::uint32_t n = bits(registers_.get(kPll1Divr1 + 8 * pll), 0, 9) + 1;
  const bool has_fraction = (registers_.get(kPllcfgr) >> (11 * pll) & 1) != 0;
  const std::uint32_t fraction = bits(registers_.get(kPll1Fracr + 8 * pll), 3, 13);
  return reference_hz(pll) * (n + (has_fraction ? fraction / 8192.0 : 0));
}

std::uint32_t Rcc::pll_hz(unsigned pll, unsigned output) const {
  if (!is_ready(static_cast<Source>(kPll1 + pll))) return 0;
  if ((registers_.get(kPllcfgr) >> (11 * pll + 5 + output) & 1) == 0) return 0;
  constexpr unsigned kPlaces[] = {9, 16, 24, 0, 8};
  constexpr unsigned kWidths[] = {7, 7, 7, 3, 3};
  const std::uint32_t dividers =
      registers_.get(output < 3 ? kPll1Divr1 + 8 * pll : kPll1Divr2 + 4 * pll);
  return static_cast<std::uint32_t>(vco_hz(pll) /
                                    (bits(dividers, kPlaces[output], kWidths[output]) + 1));
}

Rcc::Source Rcc::system_source(std::uint32_t cfgr) const {
  constexpr Source kSourceOf[] = {kHsi, kCsi, kHse, kPll1};
  const std::uint32_t select = bits(cfgr, 0, 3);
  return select < 4 ? kSourceOf[select] : kSources;
}

std::uint32_t Rcc::system_hz() const {
  const Source source = system_source(registers_.get(kCfgr));
  return source == kPll1 ? pll_hz(0, 0) : hz(source);
}

std::uint32_t Rcc::cpu_hz() const {
  return divided(system_hz(), registers_.get(kCdcfgr));
}
std::uint32_t Rcc::bus_hz() const {
  return divided(cpu_hz(), registers_.get(kBmcfgr));
}

std::uint32_t Rcc::xspi_hz(unsigned instance) const {
  const std::uint32_t select = bits(registers_.get(kCcipr1), 2 + 2 * instance, 2);
  if (select == 0) return bus_hz();
  return pll_hz(1, select == 1 ? 3 : 4);
}

std::uint32_t Rcc::usb_fs_hz() const {
  switch (bits(registers_.get(kCcipr1), 14, 2)) {
    case 0:
      return hsi48_hz();
    case 1:
      return pll_hz(2, 1);
    case 2:
      return is_ready(kHse) ? hz(kHse) : 0;
    default:
      return usb_phy_hz() == 0 ? 0 : 48'000'000;
  }
}

std::uint32_t Rcc::usb_phy_hz() const {
  const std::uint32_t ccipr1 = registers_.get(kCcipr1);
  const std::uint32_t hse = is_ready(kHse) ? hz(kHse) : 0;
  const std::uint32_t fed[] = {hse, hse / 2, pll_hz(2, 1), 0};
  const std::uint32_t actual = fed[bits(ccipr1, 12, 2)];
  struct Reference {
    std::uint32_t code, hz;
  };
  constexpr Reference kReferences[] = {{3, 16'000'000},  {8, 19'200'000},  {9, 20'000'000},
                                       {10, 24'000'000}, {11, 32'000'000}, {14, 26'000'000}};
  for (const Reference& reference : kReferences) {
    if (reference.code == bits(ccipr1, 8, 4)) return reference.hz == actual ? actual : 0;
  }
  return 0;
}

std::uint32_t Rcc::hsi48_hz() const {
  return is_ready(kHsi48) ? hz(kHsi48) : 0;
}
std::uint32_t Rcc::lsi_hz() const {
  return is_ready(kLsi) ? hz(kLsi) : 0;
}

// The system clock, or what PLL1 runs from: the hardware keeps it on.
bool Rcc::is_in_use(Source source) const {
  if (system_source(registers_.get(kCfgr)) == source) return true;
  constexpr Source kSourceOf[] = {kHsi, kCsi, kHse, kSources};
  return registers_.has(kCr, 1u << kOnBit[kPll1]) &&
         kSourceOf[bits(registers_.get(kPllckselr), 0, 2)] == source;
}

bool Rcc::runs(const Gate& gate) const {
  return registers_.has(gate.enable, 1u << gate.bit);
}
bool Rcc::is_held(const Gate& gate) const {
  return gate.reset != 0 && registers_.has(gate.reset, 1u << gate.bit);
}
void Rcc::resets(const Gate& gate, Peripheral& peripheral) {
  resets_.emplace_back(gate, &peripheral);
}

void Rcc::check_speed() {
  const std::uint32_t cpu = cpu_hz();
  const std::uint32_t bus = bus_hz();
  const Limits& limits = pwr_.voltage_is_high() ? kFast : kSlow;
  if (cpu > limits.cpu || bus > limits.bus) {
    registers_.violate(
        fmt::format("CPU at {} Hz and bus at {} Hz, where the core voltage allows "
                    "{} and {}",
                    cpu, bus, limits.cpu, limits.bus));
    return;
  }
  for (const unsigned place : {0u, 4u, 8u, 12u}) {
    const std::uint32_t field = bits(registers_.get(kApbcfgr), place, 3);
    const std::uint32_t apb = field < 4 ? bus : bus >> (field - 3);
    if (apb > limits.apb) {
      registers_.violate(fmt::format("an APB bus at {} Hz, where {} are allowed", apb, limits.apb));
      return;
    }
  }
  if (bus > kFlashHzPerState * (flash_.wait_states() + 1)) {
    registers_.violate(
        fmt::format("a bus at {} Hz with {} wait states of the flash", bus, flash_.wait_states()));
    return;
  }
  if (cpu != told_hz_) chip_.set_clock(told_hz_ = cpu);
}

// --- registers

// The backup domain lives on through a reset of the system.
void Rcc::reset(bool cold) {
  const std::uint32_t backup = registers_.get(kBdcr);
  const std::uint32_t flags = registers_.get(kRsr);
  registers_.reset();
  ready_at_[kHsi] = Time{};
  if (cold) {
    ready_at_ = {};
    registers_.set(kRsr, kPowerFlags);
  } else {
    registers_.set(kBdcr, backup);
    // What resets from inside pulls the pin, too.
    const std::uint32_t inside = watchdog_ ? kWatchdogFlag : kSoftwareFlag;
    registers_.set(kRsr, flags | kPinFlag | (outside_.pulls_reset ? 0 : inside));
  }
  watchdog_ = false;
  told_hz_ = 0;
  chip_.set_clock(told_hz_ = cpu_hz());
}

void Rcc::start(Source source) {
  Time takes = kStartTimes[source];
  if (source == kHse && registers_.has(kCr, kHseByp)) takes = microseconds(1);
  ready_at_[source] = chip_.now() + takes;
}

void Rcc::keep_up() {
  for (unsigned i = 0; i < kSources; ++i) {
    const auto source = static_cast<Source>(i);
    const std::uint32_t at = source == kLse ? kBdcr : source == kLsi ? kCsr : kCr;
    registers_.change(at, 1u << kReadyBit[i], is_ready(source));
  }
  registers_.change(kCr, kHsidivf, true);
  const std::uint32_t select = bits(registers_.get(kCfgr), 0, 3);
  registers_.set(kCfgr, (registers_.get(kCfgr) & ~kSws) | select << 3);
  std::uint32_t positions = 0;
  for (unsigned instance = 1; instance <= 2; ++instance) {
    const std::uint32_t chosen = bits(registers_.get(kCcipr1), 2 + 2 * instance, 2);
    const std::uint32_t position = xspi_hz(instance) == 0 ? 0 : std::min(chosen, 2u) + 1;
    positions |= position << (4 * instance);
  }
  registers_.set(kCkprotr, (registers_.get(kCkprotr) & ~0x770u) | positions);
}

std::uint32_t Rcc::read(std::uint32_t offset, unsigned size) {
  keep_up();
  return registers_.read(offset, size);
}

void Rcc::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  keep_up();
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  const std::uint32_t at = write->offset;
  if (is_protected(*write)) return;
  if (at == kCr) {
    write_control(*write);
  } else if (at == kBdcr) {
    write_backup(*write);
  } else if (at >= kAhb5Rstr && at <= kAhb3Rstr) {
    write_reset(*write);
  } else if (at == kCsr) {
    if ((write->value & ~write->old & 1) != 0) start(kLsi);
    registers_.set(at, write->value);
  } else if (at == kRsr) {
    registers_.set(at, (write->value & kRmvf) != 0 ? kRmvf : write->value);
  } else if (at != kCicr && at != kCifr && may_write_pll(*write)) {
    write_configuration(*write);
  }
}

// XSPICKP and FMCCKP keep what the external memories run on: the hardware ignores the write.
bool Rcc::is_protected(const RegisterFile::Write& write) const {
  const bool xspi = registers_.has(kCkprotr, kXspickp);
  const bool fmc = registers_.has(kCkprotr, kFmcckp);
  const std::uint32_t changed = write.old ^ write.value;
  std::uint32_t kept = 0;
  if (write.offset == kAhb5Enr || write.offset == kAhb5Lpenr || write.offset == kAhb5Rstr) {
    kept = (xspi ? 1u << 5 | 1u << 12 : 0) | (fmc ? 1u << 4 : 0);
  } else if (write.offset == kPllcfgr) {
    kept = (xspi ? 3u << 19 : 0) | (fmc ? 1u << 6 | 1u << 18 : 0);
  }
  if ((changed & kept) == 0) return false;
  registers_.violate(fmt::format("{} changed for a memory whose clock is protected in CKPROTR",
                                 registers_.name(write.offset)));
  return true;
}

void Rcc::write_control(RegisterFile::Write write) {
  const bool keeps = (registers_.get(kCkprotr) & (kXspickp | kFmcckp)) != 0;
  const std::uint32_t started = write.value & ~write.old;
  for (const Source source : {kHsi, kCsi, kHsi48, kHse}) {
    const std::uint32_t on = 1u << kOnBit[source];
    const bool protects = keeps && source != kHsi48;
    if ((write.old & ~write.value & on) != 0 && (is_in_use(source) || protects)) write.value |= on;
  }
  for (unsigned pll = 0; pll < 3; ++pll) {
    const std::uint32_t on = 1u << kOnBit[kPll1 + pll];
    const bool in_use = pll == 0 && system_source(registers_.get(kCfgr)) == kPll1;
    if ((write.old & ~write.value & on) != 0 && (in_use || (keeps && pll < 2))) write.value |= on;
  }
  if (((write.old ^ write.value) & kHseByp) != 0 && (write.old & 1u << kOnBit[kHse]) != 0) {
    registers_.violate("HSEBYP changed while HSE is on");
    return;
  }
  registers_.set(kCr, write.value);
  for (const Source source : {kHsi, kCsi, kHsi48, kHse}) {
    if ((started & 1u << kOnBit[source]) != 0) start(source);
  }
  for (unsigned pll = 0; pll < 3; ++pll) {
    if ((started & 1u << kOnBit[kPll1 + pll]) != 0) start_pll(pll);
  }
  check_speed();
}

// RGE: the reference is of 1 to 2, 2 to 4, 4 to 8, 8 to 16 MHz. VCOSEL: the low VCO runs from 150
// to 420 MHz with a reference of at most 2 MHz. Of the high one the sources differ; its range here
// is what the makers' own programs use.
void Rcc::start_pll(unsigned pll) {
  const std::uint32_t settings = registers_.get(kPllcfgr) >> (11 * pll);
  const double reference = reference_hz(pll);
  const double vco = vco_hz(pll);
  const double range = 1e6 * (1u << bits(settings, 3, 2));
  const bool low = (settings & 2) != 0;
  if (reference == 0) {
    registers_.violate(fmt::format("PLL{} started without a source that runs", pll + 1));
  } else if (reference < range || reference > 2 * range || (low && reference > 2e6)) {
    registers_.violate(
        fmt::format("PLL{} started with a reference of {} Hz, which is not of the "
                    "range chosen in PLLCFGR",
                    pll + 1, reference));
  } else if (vco < (low ? 150e6 : 128e6) || vco > (low ? 420e6 : 1672e6)) {
    registers_.violate(fmt::format("PLL{} started for a VCO of {} Hz", pll + 1, vco));
  } else {
    start(static_cast<Source>(kPll1 + pll));
  }
}

// What a PLL is made of changes only while it is off.
bool Rcc::may_write_pll(const RegisterFile::Write& write) {
  const std::uint32_t changed = write.old ^ write.value;
  const std::uint32_t at = write.offset;
  unsigned on = 0;
  for (unsigned pll = 0; pll < 3; ++pll) {
    on |= registers_.has(kCr, 1u << kOnBit[kPll1 + pll]) ? 1u << pll : 0;
  }
  bool allowed = true;
  for (unsigned pll = 0; pll < 3; ++pll) {
    if ((on >> pll & 1) == 0) continue;
    if (at == kPllckselr) allowed &= (changed & (3u | 0x3fu << (4 + 8 * pll))) == 0;
    if (at == kPllcfgr) allowed &= (changed & 0x1eu << (11 * pll)) == 0;
    if (at == kPll1Divr1 + 8 * pll) allowed &= (changed & 0x1ff) == 0;
    // A divider changes only while its output is off.
    for (unsigned output = 0; output < 5; ++output) {
      constexpr std::uint32_t kFields[] = {0xfe00, 0x7f0000, 0x7f000000, 0x7, 0x700};
      const std::uint32_t holds = output < 3 ? kPll1Divr1 + 8 * pll : kPll1Divr2 + 4 * pll;
      const bool enabled = (registers_.get(kPllcfgr) >> (11 * pll + 5 + output) & 1) != 0;
      if (at == holds && enabled) allowed &= (changed & kFields[output]) == 0;
    }
  }
  if (!allowed) {
    registers_.violate(fmt::format("{} changed for a PLL that is on", registers_.name(at)));
  }
  return allowed;
}

void Rcc::write_configuration(const RegisterFile::Write& write) {
  if (write.offset == kCfgr && ((write.old ^ write.value) & 7) != 0) {
    const Source to = system_source(write.value);
    const bool ready = to != kSources && is_ready(to) && (to != kPll1 || pll_hz(0, 0) != 0);
    if (!ready) {
      registers_.violate(fmt::format("the system clock is switched to {}, which is not ready",
                                     to == kSources ? "nothing" : kSourceNames[to]));
      return;
    }
  }
  registers_.set(write.offset, write.value);
  check_speed();
}

void Rcc::write_backup(const RegisterFile::Write& write) {
  if (write.value == write.old) return;
  if (!pwr_.backup_is_writable()) {
    registers_.violate("BDCR written while PWR_CR1.DBP protects it");
    return;
  }
  if ((write.value & kVswrst) != 0) {
    registers_.set(kBdcr, kVswrst);
    return;
  }
  if (((write.old ^ write.value) & kLsebyp) != 0 && (write.old & 1) != 0) {
    registers_.violate("LSEBYP changed while LSE is on");
    return;
  }
  if ((write.value & ~write.old & 1) != 0) start(kLse);
  registers_.set(kBdcr, write.value);
}

void Rcc::write_reset(const RegisterFile::Write& write) {
  registers_.set(write.offset, write.value);
  const std::uint32_t begun = write.value & ~write.old;
  for (const auto& [gate, peripheral] : resets_) {
    if (gate.reset == write.offset && (begun & 1u << gate.bit) != 0) peripheral->reset(false);
  }
}

}  // namespace gangd::emu
