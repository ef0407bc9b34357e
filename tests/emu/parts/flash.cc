#include "tests/emu/parts/flash.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace gangd::emu {
namespace {

using Cells = model::InternalFlash;

constexpr unsigned kInterrupt = 8;

constexpr std::uint32_t kAcr = 0x00, kKeyr = 0x04, kCr = 0x10, kSr = 0x14, kFcr = 0x18, kIer = 0x20,
                        kIsr = 0x24, kIcr = 0x28, kEccdfaddr = 0x44, kOptkeyr = 0x100,
                        kOptcr = 0x104, kOpticr = 0x10c, kWrpsr = 0x218, kObw1sr = 0x260,
                        kObw2sr = 0x268;

constexpr std::uint32_t kLock = 1u << 0, kPg = 1u << 1, kSer = 1u << 2, kBer = 1u << 3,
                        kFw = 1u << 4, kStart = 1u << 5;  // CR
constexpr std::uint32_t kBusy = 1u << 0, kWbne = 1u << 1, kQw = 1u << 2, kIsProgram = 1u << 4,
                        kIsErase = 1u << 5;  // SR
constexpr std::uint32_t kEopf = 1u << 16, kWrperrf = 1u << 17, kPgserrf = 1u << 18,
                        kDbeccerrf = 1u << 26,
                        kFlags = 0x1f3f0000;  // ISR, ICR, IER

constexpr std::array<std::uint32_t, 2> kKeys = {0x45670123, 0xcdef89ab};
constexpr std::array<std::uint32_t, 2> kOptionKeys = {0x08192a3b, 0x4c5d6e7f};

// Offsets, bits and reset values: CMSIS header and SVD of the device. Option bytes are what the
// registers behind 200h show; their programming is not modelled, and so an unknown register.
constexpr RegisterRule kRules[] = {
    {.offset = kAcr, .name = "ACR", .reset = 0x13, .writable = 0x3f},
    {.offset = kKeyr, .name = "KEYR", .writable = ~0u, .sizes = kWords},
    {.offset = kCr, .name = "CR", .reset = 1, .writable = 0x010301ff},
    {.offset = kSr, .name = "SR", .read_only = 0x0200007f},
    {.offset = kFcr, .name = "FCR", .writable = 1u << 25},
    {.offset = kIer, .name = "IER", .writable = kFlags},
    {.offset = kIsr, .name = "ISR", .read_only = kFlags},
    {.offset = kIcr, .name = "ICR", .writable = kFlags},
    {.offset = 0x40, .name = "ECCSFADDR", .read_only = ~0u},
    {.offset = kEccdfaddr, .name = "ECCDFADDR", .read_only = ~0u},
    {.offset = kOptkeyr, .name = "OPTKEYR", .writable = ~0u, .sizes = kWords},
    {.offset = kOptcr, .name = "OPTCR", .reset = 1, .writable = 0x58000003},
    {.offset = 0x108, .name = "OPTISR", .read_only = 0x58000000},
    {.offset = kOpticr, .name = "OPTICR", .writable = 0x58000000},
    {.offset = 0x200, .name = "NVSR", .reset = 0xb4, .read_only = 0xff},
    {.offset = 0x208, .name = "ROTSR", .read_only = 0xff00ffff},
    {.offset = 0x210, .name = "OTPLSR", .read_only = 0xffff},
    {.offset = kWrpsr, .name = "WRPSR", .reset = 0xff, .read_only = 0xff},
    {.offset = 0x230, .name = "HDPSR", .reset = 0x1ff, .read_only = 0x01ff01ff},
    {.offset = 0x250, .name = "EPOCHSR", .read_only = 0xffffff},
    {.offset = kObw1sr, .name = "OBW1SR", .reset = 0x100600d0, .read_only = 0x300603dc},
    {.offset = kObw2sr, .name = "OBW2SR", .read_only = 0x377},
};

}  // namespace

FlashController::FlashController(Chip& chip, Outside& outside)
    : chip_(chip), outside_(outside), registers_(chip, "FLASH", kRules) {}

unsigned FlashController::wait_states() const {
  return registers_.get(kAcr) & 15;
}

void FlashController::reset(bool /*cold*/) {
  registers_.reset();
  put_options();
  lock_ = option_lock_ = Lock::kLocked;
  buffered_ = 0;
  sectors_left_ = 0;
  runs_ = is_busy();
  chip_.set_interrupt(kInterrupt, false);
  chip_.open_window(Cells::kAddress, Cells::kSize, *this, true);
}

void FlashController::put_options() {
  registers_.change(kObw1sr, 1u << 8, outside_.xspi1_is_low);
  registers_.change(kObw1sr, 1u << 9, outside_.xspi2_is_low);
  registers_.change(kObw1sr, 1u << 29, outside_.vddio_is_low);
  registers_.set(kObw2sr, outside_.itcm_share | std::uint32_t(outside_.dtcm_share) << 4);
  registers_.set(kWrpsr, 0xffu & ~outside_.protected_sectors);  // a 0 protects
}

// --- time

void FlashController::keep_up() {
  if (runs_ && !is_busy()) {
    runs_ = false;
    if (sectors_left_ != 0) {
      erase_sector(static_cast<unsigned>(std::countr_zero(sectors_left_)));
    } else {
      registers_.change(kIsr, outside_.flash.failed() ? kPgserrf : kEopf, true);
      registers_.change(kSr, kIsProgram | kIsErase, false);
    }
  }
  registers_.change(kSr, kBusy | kQw, runs_);
  registers_.change(kSr, kWbne, buffered_ != 0);
  show_interrupt();
}

void FlashController::show_interrupt() {
  chip_.set_interrupt(kInterrupt, (registers_.get(kIsr) & registers_.get(kIer)) != 0);
}

void FlashController::advance() {
  keep_up();
}

// What an operation leaves is shown from its beginning on: the bus makes a read wait for its end.
void FlashController::began(std::uint32_t offset, std::uint32_t size) {
  runs_ = true;
  chip_.wake_at(outside_.flash.busy_until() - outside_.world(Time{}));
  chip_.refresh_window(Cells::kAddress, offset, size);
}

// --- registers

std::uint32_t FlashController::read(std::uint32_t offset, unsigned size) {
  keep_up();
  if (offset == kIsr && outside_.stray_flash_errors > 0) {
    --outside_.stray_flash_errors;
    registers_.change(kIsr, kDbeccerrf, true);
  }
  return registers_.read(offset, size);
}

void FlashController::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  keep_up();
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  switch (write->offset) {
    case kKeyr:
      write_key(lock_, kCr, write->value, kKeys);
      return;
    case kOptkeyr:
      write_key(option_lock_, kOptcr, write->value, kOptionKeys);
      return;
    case kCr:
      write_control(*write);
      return;
    case kOptcr:
      if (write->value != write->old && option_lock_ != Lock::kOpen) {
        registers_.violate("OPTCR written while it is locked");
        return;
      }
      if ((write->value & 1) != 0) option_lock_ = Lock::kLocked;
      break;
    case kIer:
      if (write->value != write->old && lock_ != Lock::kOpen) {
        registers_.violate("IER written while CR is locked");
        return;
      }
      break;
    case kIcr:
      registers_.set(kIsr, registers_.get(kIsr) & ~write->value);
      if (!registers_.has(kIsr, kDbeccerrf)) registers_.set(kEccdfaddr, 0);
      show_interrupt();
      return;
    case kFcr:
    case kOpticr:
      return;
    default:
      break;
  }
  registers_.set(write->offset, write->value);
  if (write->offset == kAcr && on_latency) on_latency();
  if (write->offset == kIer) show_interrupt();
}

// Two keys in a row. Anything else, or the keys again, and the register is locked until a reset.
void FlashController::write_key(Lock& lock, std::uint32_t lock_register, std::uint32_t key,
                                const std::array<std::uint32_t, 2>& keys) {
  if (lock == Lock::kLocked && key == keys[0]) {
    lock = Lock::kFirstKey;
  } else if (lock == Lock::kFirstKey && key == keys[1]) {
    lock = Lock::kOpen;
    registers_.change(lock_register, 1, false);
  } else {
    lock = Lock::kJammed;
    registers_.change(lock_register, 1, true);
    registers_.violate(fmt::format("a wrong key, or one too many, for {}: locked until a reset",
                                   registers_.name(lock_register)));
  }
}

void FlashController::write_control(const RegisterFile::Write& write) {
  if (lock_ != Lock::kOpen) {
    if (write.value != write.old) registers_.violate("CR written while it is locked");
    return;
  }
  if ((write.value & (kSer | kBer)) != 0 && (write.value & kStart) != 0) {
    registers_.set(kCr, write.value & ~(kStart | kFw));
    start_erase(write.value);
    return;
  }
  if ((write.old & ~write.value & kPg) != 0 && buffered_ != 0) {
    registers_.violate(fmt::format("PG cleared with {} bytes in the write buffer, which are lost",
                                   std::popcount(buffered_)));
    return;
  }
  if ((write.value & kStart) != 0) {
    registers_.violate("START without SER or BER");
    return;
  }
  if ((write.value & kFw) != 0 && buffered_ != 0) program();  // the rest of the word is ones
  if ((write.value & kLock) != 0) lock_ = Lock::kLocked;
  registers_.set(kCr, write.value & ~(kStart | kFw));
}

void FlashController::start_erase(std::uint32_t control) {
  if (runs_) {
    registers_.violate("an erase started while an operation runs");
    return;
  }
  const unsigned sectors = (control & kBer) != 0 ? 0xff : 1u << ((control >> 6) & 7);
  if ((sectors & ~registers_.get(kWrpsr)) != 0) {
    registers_.change(kIsr, kWrperrf, true);
    show_interrupt();
    return;
  }
  sectors_left_ = sectors;
  erase_sector(static_cast<unsigned>(std::countr_zero(sectors)));
}

void FlashController::erase_sector(unsigned sector) {
  sectors_left_ &= ~(1u << sector);
  registers_.change(kSr, kIsErase, true);
  outside_.flash.erase(Cells::kAddress + sector * Cells::kSectorSize, world());
  began(sector * Cells::kSectorSize, Cells::kSectorSize);
}

// --- the window

// A word that is broken has no value; what is run of it are zeros.
bool FlashController::fill(std::uint32_t offset, std::span<std::uint8_t> page) {
  for (std::uint32_t done = 0; done < page.size(); done += Cells::kWordSize) {
    const std::span<std::uint8_t> into = page.subspan(done, Cells::kWordSize);
    const auto bytes = outside_.flash.peek(Cells::kAddress + offset + done, Cells::kWordSize);
    if (bytes) {
      std::ranges::copy(*bytes, into.begin());
    } else {
      std::ranges::fill(into, std::uint8_t{0});
    }
  }
  return true;
}

bool FlashController::may_fail(std::uint32_t offset, std::uint32_t size) {
  return !outside_.flash.firm(Cells::kAddress + offset, size);
}

// While an operation runs, the bus waits for its end.
bool FlashController::read_now(std::uint32_t offset, std::span<std::uint8_t> bytes) {
  keep_up();
  const std::uint32_t address = Cells::kAddress + offset;
  if (!runs_ && outside_.flash.read(address, bytes, world())) return true;
  const auto done = outside_.flash.peek(address, static_cast<std::uint32_t>(bytes.size()));
  if (runs_ && done) {
    std::ranges::copy(*done, bytes.begin());
    return true;
  }
  std::ranges::fill(bytes, std::uint8_t{0});
  if (!registers_.has(kIsr, kDbeccerrf)) registers_.set(kEccdfaddr, address);
  registers_.change(kIsr, kDbeccerrf, true);
  show_interrupt();
  return false;
}

void FlashController::store(std::uint32_t offset, std::span<const std::uint8_t> bytes) {
  keep_up();
  if (!registers_.has(kCr, kPg)) {
    registers_.violate(
        fmt::format("a write to {:08X}h without PG in CR", Cells::kAddress + offset));
    return;
  }
  for (const std::uint8_t byte : bytes) collect(offset++, byte);
}

void FlashController::collect(std::uint32_t offset, std::uint8_t byte) {
  const std::uint32_t word = offset / Cells::kWordSize * Cells::kWordSize;
  const std::uint32_t place = offset % Cells::kWordSize;
  if (buffered_ != 0 && word != buffer_at_) {
    registers_.violate(fmt::format("a write to {:08X}h while the flash word at {:08X}h is not full",
                                   Cells::kAddress + offset, Cells::kAddress + buffer_at_));
    return;
  }
  if ((buffered_ >> place & 1) != 0) {
    registers_.violate(fmt::format("the byte at {:08X}h written twice", Cells::kAddress + offset));
    return;
  }
  if (buffered_ == 0) buffer_.fill(0xff);
  buffer_at_ = word;
  buffer_[place] = byte;
  buffered_ |= 1u << place;
  if (buffered_ == 0xffff) program();
}

void FlashController::program() {
  buffered_ = 0;
  if (runs_) {
    registers_.violate("a flash word is full while an operation runs");
    return;
  }
  const unsigned sector = buffer_at_ / Cells::kSectorSize;
  if ((registers_.get(kWrpsr) >> sector & 1) == 0) {
    registers_.change(kIsr, kWrperrf, true);
    show_interrupt();
    return;
  }
  registers_.change(kSr, kIsProgram, true);
  const std::size_t complaints = outside_.flash.complaints().size();
  outside_.flash.program(Cells::kAddress + buffer_at_, buffer_, world());
  if (outside_.flash.complaints().size() > complaints) {
    registers_.violate(outside_.flash.complaints().back());
    return;
  }
  began(buffer_at_, Cells::kWordSize);
}

}  // namespace gangd::emu
