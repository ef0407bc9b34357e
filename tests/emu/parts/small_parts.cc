#include "tests/emu/parts/small_parts.h"

namespace gangd::emu {

// Offsets, bits and reset values: CMSIS header and SVD of the device.

// --- RNG

namespace {

constexpr std::uint32_t kRngCr = 0x00, kRngSr = 0x04, kRngDr = 0x08;
constexpr std::uint32_t kRngen = 1u << 2, kCondrst = 1u << 30, kDrdy = 1u << 0, kCecs = 1u << 1;
constexpr RegisterRule kRngRules[] = {
    {.offset = kRngCr, .name = "CR", .reset = 0x00800d00, .writable = 0xc3ffffac},
    {.offset = kRngSr, .name = "SR", .writable = 0x60, .read_only = 0x7},
    {.offset = kRngDr, .name = "DR", .read_only = ~0u, .sizes = kWords},
    {.offset = 0x10, .name = "HTCR", .reset = 0x72ac, .writable = ~0u},
};
constexpr Time kRandomTime = std::chrono::microseconds(3);

}  // namespace

RandomUnit::RandomUnit(Chip& chip, const Outside& outside, const Rcc& rcc)
    : chip_(chip), rcc_(rcc), registers_(chip, "RNG", kRngRules), prng_(outside.seed) {}

void RandomUnit::reset(bool /*cold*/) {
  registers_.reset();
}

// It runs from HSI48.
void RandomUnit::keep_up() {
  const std::uint32_t control = registers_.get(kRngCr);
  const bool works = (control & kRngen) != 0 && (control & kCondrst) == 0;
  const bool clocked = rcc_.hsi48_hz() != 0;
  registers_.change(kRngSr, kCecs, works && !clocked);
  registers_.change(kRngSr, kDrdy, works && clocked && chip_.now() >= ready_at_);
}

std::uint32_t RandomUnit::read(std::uint32_t offset, unsigned size) {
  keep_up();
  const std::uint32_t value = registers_.read(offset, size);
  if (offset != kRngDr || size != 4) return value;
  if (!registers_.has(kRngSr, kDrdy)) {
    registers_.violate("DR read while SR.DRDY says that there is no number");
    return 0;
  }
  ready_at_ = chip_.now() + kRandomTime;
  return static_cast<std::uint32_t>(prng_.below(0xffffffff)) + 1;
}

void RandomUnit::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  constexpr std::uint32_t kConfiguration = 0x03ffffa0;
  const bool configures = ((write->value ^ write->old) & kConfiguration) != 0;
  if (write->offset == kRngCr && configures && (write->value & kCondrst) == 0) {
    registers_.violate("CR's configuration written without CONDRST");
    return;
  }
  registers_.set(write->offset, write->value);
  if (write->offset == kRngCr) ready_at_ = chip_.now() + kRandomTime;
}

// --- CRS

namespace {

constexpr std::uint32_t kCrsCr = 0x00, kCrsCfgr = 0x04, kCrsIsr = 0x08, kCrsIcr = 0x0c;
constexpr std::uint32_t kCen = 1u << 5, kSwsync = 1u << 7, kSyncokf = 1u << 0;
constexpr RegisterRule kCrsRules[] = {
    {.offset = kCrsCr, .name = "CR", .reset = 0x2000, .writable = 0x3fef},
    {.offset = kCrsCfgr, .name = "CFGR", .reset = 0x2022bb7f, .writable = 0xb7ffffff},
    {.offset = kCrsIsr, .name = "ISR", .read_only = 0xffff870f},
    {.offset = kCrsIcr, .name = "ICR", .writable = 0xf},
};

}  // namespace

ClockRecovery::ClockRecovery(Chip& chip, const Outside& outside)
    : outside_(outside), registers_(chip, "CRS", kCrsRules) {}

// Frames of a host synchronise it.
std::uint32_t ClockRecovery::read(std::uint32_t offset, unsigned size) {
  const bool frames = outside_.usb_fs.shown() || outside_.usb_hs.shown();
  if (frames && registers_.has(kCrsCr, kCen)) registers_.change(kCrsIsr, kSyncokf, true);
  return registers_.read(offset, size);
}

void ClockRecovery::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  const bool changes = write->value != write->old;
  if (write->offset == kCrsCfgr && changes && registers_.has(kCrsCr, kCen)) {
    registers_.violate("CFGR written while CEN in CR protects it");
  } else if (write->offset == kCrsIcr) {
    registers_.set(kCrsIsr, registers_.get(kCrsIsr) & ~write->value);
  } else {
    registers_.set(write->offset, write->offset == kCrsCr ? write->value & ~kSwsync : write->value);
  }
}

// --- DBGMCU

namespace {

constexpr RegisterRule kDebugRules[] = {
    {.offset = 0x00, .name = "IDCODE", .reset = 0x6485, .read_only = ~0u},
    {.offset = 0x04, .name = "CR", .writable = 0x10310007},
    {.offset = 0x20, .name = "AHB5FZR", .writable = 0xffff},
    {.offset = 0x24, .name = "AHB1FZR", .writable = 0xffff},
    {.offset = 0x3c, .name = "APB1FZR", .writable = 0x00e00bff},
    {.offset = 0x4c, .name = "APB2FZR", .writable = 0x000f0001},
    {.offset = 0x54, .name = "APB4FZR", .writable = 0x00051e00},
    {.offset = 0xfc, .name = "SR", .reset = 0x00010003, .read_only = ~0u},
};

}  // namespace

DebugUnit::DebugUnit(Chip& chip, const Outside& outside)
    : outside_(outside), registers_(chip, "DBGMCU", kDebugRules) {}

void DebugUnit::reset(bool cold) {
  if (cold) registers_.reset();
}

std::uint32_t DebugUnit::read(std::uint32_t offset, unsigned size) {
  registers_.set(0, 0x6485 | std::uint32_t(outside_.revision) << 16);
  return registers_.read(offset, size);
}

void DebugUnit::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  const auto write = registers_.write(offset, size, value);
  if (write) registers_.set(write->offset, write->value);
}

}  // namespace gangd::emu
