#include "tests/emu/parts/pwr.h"

#include <algorithm>
#include <array>

namespace gangd::emu {
namespace {

constexpr std::uint32_t kCr1 = 0x00, kSr1 = 0x04, kCsr1 = 0x08, kCsr2 = 0x0c, kCsr3 = 0x10,
                        kCsr4 = 0x14, kWkupcr = 0x20, kWkupfr = 0x24;

constexpr std::uint32_t kDbp = 1u << 8;                                        // CR1
constexpr std::uint32_t kActvos = 1u << 0, kActvosrdy = 1u << 1;               // SR1
constexpr std::uint32_t kBren = 1u << 0, kMonen = 1u << 4, kBrrdy = 1u << 16;  // CSR1
constexpr std::uint32_t kSupply = 0x1f, kEnXspim1 = 1u << 14, kSdextrdy = 1u << 16,
                        kUsb33den = 1u << 24, kUsb33rdy = 1u << 26, kUsbhsregen = 1u << 27;  // CSR2
constexpr std::uint32_t kCssf = 1u << 1, kStopFlags = 3u << 8;                               // CSR3
constexpr std::uint32_t kVos = 1u << 0, kVosrdy = 1u << 1;                                   // CSR4

// Offsets, bits and reset values: CMSIS header and SVD of the device.
constexpr RegisterRule kRules[] = {
    {.offset = kCr1, .name = "CR1", .reset = 1, .writable = 0xfff1},
    {.offset = kSr1, .name = "SR1", .read_only = 0x2013},
    {.offset = kCsr1, .name = "CSR1", .writable = 0x11, .read_only = 0x00f10000},
    {.offset = kCsr2,
     .name = "CSR2",
     .reset = 6,
     .writable = 0x0b00ff1f,
     .read_only = kSdextrdy | kUsb33rdy},
    {.offset = kCsr3, .name = "CSR3", .writable = 3, .read_only = kStopFlags},
    {.offset = kCsr4, .name = "CSR4", .reset = 2, .writable = 1, .read_only = 2},
    {.offset = kWkupcr, .name = "WKUPCR", .writable = 0xf},
    {.offset = kWkupfr, .name = "WKUPFR", .read_only = 0xf},
    {.offset = 0x28, .name = "WKUPEPR", .writable = 0x00ff0f0f},
    {.offset = 0x2c, .name = "UCPDR", .reset = 2, .writable = 3},
    {.offset = 0x30, .name = "APCR", .writable = 0xf0030001},
    {.offset = 0x34, .name = "PUCRN", .writable = 0x1042},
    {.offset = 0x38, .name = "PDCRN", .writable = 0x1147},
    {.offset = 0x3c, .name = "PUCRO", .writable = 0x13},
    {.offset = 0x40, .name = "PDCRO", .writable = 0x1f},
    {.offset = 0x44, .name = "PDCRP", .writable = 0x1111},
};

// Combinations of SDHILEVEL, SMPSEXTHP, SDEN, LDOEN and BYPASS that are a supply, by the HAL's
// constants of the device.
constexpr std::array<std::uint32_t, 6> kSupplies = {0x04, 0x16, 0x1e, 0x1d, 0x02, 0x01};
constexpr std::uint32_t kSmpsFeedsOthers = 1u << 3;

// Of the order of the data sheet's figures: long enough that who does not wait is found out.
constexpr Time kSupplyTime = std::chrono::microseconds(20);
constexpr Time kVoltageTime = std::chrono::microseconds(50);
constexpr Time kUsbTime = std::chrono::microseconds(10);
constexpr Time kBackupTime = std::chrono::microseconds(100);

}  // namespace

Pwr::Pwr(Chip& chip) : chip_(chip), registers_(chip, "PWR", kRules) {}

bool Pwr::voltage_is_high() const {
  return registers_.has(kCsr4, kVos) && chip_.now() >= voltage_ready_;
}
bool Pwr::backup_is_writable() const {
  return registers_.has(kCr1, kDbp);
}
bool Pwr::xspi_port_is_on(unsigned port) const {
  return registers_.has(kCsr2, kEnXspim1 << (port - 1));
}
bool Pwr::usb_is_on(bool high_speed) const {
  if (!registers_.has(kCsr2, kUsb33den) || chip_.now() < usb_ready_) return false;
  return !high_speed || registers_.has(kCsr2, kUsbhsregen);
}

// The supply is chosen once after power-on; a reset of the system keeps it, and the backup domain.
void Pwr::reset(bool cold) {
  const std::uint32_t supply = registers_.get(kCsr2) & kSupply;
  const std::uint32_t backup = registers_.get(kCsr1) & (kBren | kMonen);
  registers_.reset();
  if (cold) {
    supply_is_set_ = false;
    supply_ready_ = voltage_ready_ = usb_ready_ = backup_ready_ = Time{};
  } else {
    registers_.set(kCsr2, (registers_.get(kCsr2) & ~kSupply) | supply);
    registers_.set(kCsr1, backup);
  }
}

void Pwr::keep_up() {
  const Time now = chip_.now();
  const bool supplied = supply_is_set_ && now >= supply_ready_;
  const std::uint32_t csr2 = registers_.get(kCsr2);
  registers_.change(kSr1, kActvosrdy, supplied);
  registers_.change(kSr1, kActvos, voltage_is_high());
  registers_.change(kCsr2, kSdextrdy, supplied && (csr2 & kSmpsFeedsOthers) != 0);
  registers_.change(kCsr2, kUsb33rdy, (csr2 & kUsb33den) != 0 && now >= usb_ready_);
  registers_.change(kCsr4, kVosrdy, now >= voltage_ready_);
  registers_.change(kCsr1, kBrrdy, registers_.has(kCsr1, kBren) && now >= backup_ready_);
}

std::uint32_t Pwr::read(std::uint32_t offset, unsigned size) {
  keep_up();
  return registers_.read(offset, size);
}

void Pwr::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  keep_up();
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  switch (write->offset) {
    case kCsr1:
      if (write->value == write->old) return;
      if (!backup_is_writable()) {
        registers_.violate("CSR1 written while DBP protects it");
        return;
      }
      if ((write->value & ~write->old & kBren) != 0) backup_ready_ = chip_.now() + kBackupTime;
      break;
    case kCsr2:
      write_supply(*write);
      return;
    case kCsr3:
      registers_.set(kCsr3,
                     write->value & ~(kCssf | ((write->value & kCssf) != 0 ? kStopFlags : 0)));
      return;
    case kCsr4:
      write_voltage(*write);
      return;
    case kWkupcr:
      registers_.set(kWkupfr, registers_.get(kWkupfr) & ~write->value);
      return;
    default:
      break;
  }
  registers_.set(write->offset, write->value);
}

void Pwr::write_supply(const RegisterFile::Write& write) {
  if (((write.value ^ write.old) & kSupply) != 0) {
    if (supply_is_set_) {
      registers_.violate("the supply configuration is locked until power-on");
      return;
    }
    if (std::ranges::find(kSupplies, write.value & kSupply) == kSupplies.end()) {
      registers_.violate("CSR2 written with an illegal combination of regulators");
      return;
    }
    supply_is_set_ = true;
    supply_ready_ = chip_.now() + kSupplyTime;
  }
  if ((write.value & ~write.old & kUsb33den) != 0) usb_ready_ = chip_.now() + kUsbTime;
  registers_.set(kCsr2, write.value);
}

void Pwr::write_voltage(const RegisterFile::Write& write) {
  if (write.value == write.old) return;
  if (!registers_.has(kSr1, kActvosrdy)) {
    registers_.violate("VOS changed before the supply was configured and ACTVOSRDY had come");
    return;
  }
  voltage_ready_ = chip_.now() + kVoltageTime;
  registers_.set(kCsr4, write.value);
  if (on_voltage) on_voltage();
}

}  // namespace gangd::emu
