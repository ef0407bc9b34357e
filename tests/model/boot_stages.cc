#include "tests/model/boot_stages.h"

#include <algorithm>
#include <utility>

#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kAxi = 0x2400'0000;
constexpr std::uint32_t kAxiSize = 0x7'2000;
constexpr std::uint32_t kDtcm = 0x2000'0000;
constexpr std::uint32_t kDtcmSize = 0x1'0000;

// A watchdog of the usual setting.
constexpr BootStages::Time kWatchdog = 500ms;
// From the jump to the application's pull-up.
constexpr BootStages::Time kApplicationStart = 200ms;

struct FaultName {
  std::string_view name;
  StartFault fault;
};
constexpr FaultName kFaults[] = {
    {"none", StartFault::kNone},
    {"never-back", StartFault::kNeverBack},
    {"back-in-rom", StartFault::kBackInRom},
    {"wrong-nonce", StartFault::kWrongNonce},
    {"no-nonce", StartFault::kNoNonce},
    {"other-program", StartFault::kOtherProgram},
};

ControlDevice::Descriptors application_of(UsbIds ids) {
  ControlDevice::Descriptors own;
  own.vendor = ids.vendor;
  own.product = ids.product;
  own.release = 0x0100;
  own.strings = {"gangd", "application", "1"};
  own.interfaces = {9, 4, 0, 0, 0, 0xff, 0, 0, 0};
  return own;
}

}  // namespace

std::optional<StartFault> find_start_fault(std::string_view name) {
  for (const FaultName& each : kFaults) {
    if (each.name == name) return each.fault;
  }
  return std::nullopt;
}

BootStages::BootStages(Options options, std::uint64_t seed, Mapped mapped)
    : options_(std::move(options)),
      mapped_(mapped),
      ram_(kAxiSize + kDtcmSize),
      written_(ram_.size()),
      flash_(seed),
      rom_(*this, options_.rom) {
  rom_.on_complete = [this](Transfer& transfer) { on_complete(transfer); };
  rom_.on_shown = [this](bool shown) { on_shown(shown); };
  if (!options_.application) return;
  application_usb_.emplace(application_of(*options_.application), nullptr,
                           [](const ControlDevice::Setup&, auto&) { return false; });
  application_usb_->on_complete = [this](Transfer& transfer) { on_complete(transfer); };
  application_usb_->on_shown = [this](bool shown) { on_shown(shown); };
}

void BootStages::power_on(Time now) {
  // What RAM holds after power-on is anything.
  std::uint8_t anything = 13;
  for (std::uint8_t& byte : ram_) {
    byte = anything;
    anything = static_cast<std::uint8_t>(anything + 151);
  }
  written_.assign(written_.size(), false);
  flash_.power_on(now);
  stage_ = Stage::kRom;
  rom_.start(now);
}

void BootStages::power_off(Time now) {
  stage_ = Stage::kOff;
  resets_at_ = shows_application_at_ = Time::max();
  application_.reset();
  flash_.power_off(now);
  rom_.stop();
  if (application_usb_) application_usb_->show(false);
}

void BootStages::submit(Transfer& transfer, Time now) {
  if (stage_ == Stage::kRom) return rom_.submit(transfer, now);
  if (stage_ == Stage::kApplication && application_usb_) {
    return application_usb_->submit(transfer, now);
  }
  transfer.outcome = Outcome::kUnplugged;
  on_complete(transfer);
}

void BootStages::cancel(Transfer& transfer) {
  if (stage_ == Stage::kRom) return rom_.cancel(transfer);
  if (stage_ == Stage::kApplication && application_usb_) application_usb_->cancel(transfer);
}

void BootStages::bus_reset() {
  if (stage_ == Stage::kRom) return rom_.bus_reset();
  if (stage_ == Stage::kApplication && application_usb_) application_usb_->bus_reset();
}

BootStages::Time BootStages::advance(Time now) {
  if (resets_at_ <= now) {
    resets_at_ = Time::max();
    stage_ = Stage::kRom;
    rom_.start(now);
  }
  if (shows_application_at_ <= now) {
    shows_application_at_ = Time::max();
    if (application_usb_) application_usb_->show(true);
  }
  Time next = std::min(resets_at_, shows_application_at_);
  if (stage_ == Stage::kRom) next = std::min(next, rom_.advance(now));
  if (stage_ == Stage::kApplication && application_usb_) {
    next = std::min(next, application_usb_->advance(now));
  }
  // What has just been left may have set a time.
  return std::min({next, resets_at_, shows_application_at_});
}

std::uint8_t* BootStages::ram_at(std::uint32_t address) {
  if (address >= kAxi && address - kAxi < kAxiSize) return &ram_[address - kAxi];
  if (address >= kDtcm && address - kDtcm < kDtcmSize) return &ram_[kAxiSize + address - kDtcm];
  return nullptr;
}

bool BootStages::read(std::uint32_t address, std::span<std::uint8_t> bytes, Time now) {
  if (address >= InternalFlash::kAddress &&
      address - InternalFlash::kAddress < InternalFlash::kSize) {
    return flash_.read(address, bytes, now);
  }
  for (std::uint8_t& byte : bytes) {
    const std::uint8_t* cell = ram_at(address++);
    byte = cell == nullptr ? std::uint8_t{0xff} : *cell;
  }
  return true;
}

void BootStages::write_ram(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    std::uint8_t* cell = ram_at(address++);
    if (cell == nullptr) return;
    *cell = byte;
    written_[static_cast<std::size_t>(cell - ram_.data())] = true;
  }
}

BootStages::Time BootStages::erase_sector(std::uint32_t address, Time now) {
  flash_.erase(address, now);
  flash_failed_ = flash_.failed();
  return flash_.busy_until();
}

BootStages::Time BootStages::program(std::uint32_t address, std::span<const std::uint8_t> bytes,
                                     Time now) {
  flash_failed_ = false;
  Time at = now;
  while (!bytes.empty()) {
    flash_.program(address, bytes.first<InternalFlash::kWordSize>(), at);
    at = flash_.busy_until();
    flash_failed_ |= flash_.failed();
    bytes = bytes.subspan(InternalFlash::kWordSize);
    address += InternalFlash::kWordSize;
  }
  return at;
}

// What was written without a gap: the image, which the mailbox is no part of.
std::vector<std::uint8_t> BootStages::written_from(std::uint32_t address) {
  std::vector<std::uint8_t> bytes;
  for (std::uint32_t at = address; at != MAILBOX_ADDRESS; ++at) {
    const std::uint8_t* cell = ram_at(at);
    if (cell == nullptr || !written_[static_cast<std::size_t>(cell - ram_.data())]) break;
    bytes.push_back(*cell);
  }
  return bytes;
}

// As our loader does it: read once, and then invalid.
void BootStages::take_mailbox() {
  nonce_.reset();
  std::uint8_t* mailbox = ram_at(MAILBOX_ADDRESS);
  const bool is_whole =
      load_le32(mailbox + MAILBOX_AT_MAGIC) == MAILBOX_MAGIC &&
      load_le32(mailbox + MAILBOX_AT_VERSION) == MAILBOX_VERSION &&
      load_le32(mailbox + MAILBOX_AT_CRC) == crc32c_update(0, mailbox, MAILBOX_AT_CRC);
  if (is_whole) {
    std::copy_n(mailbox + MAILBOX_AT_NONCE, MAILBOX_NONCE_SIZE, nonce_.emplace().begin());
  }
  store_le32(mailbox + MAILBOX_AT_MAGIC, 0);
}

void BootStages::go(std::uint32_t address, Time now) {
  stage_ = Stage::kDead;
  program_ = written_from(address);
  const auto end = static_cast<std::uint32_t>(address + program_.size());
  if (address != MAILBOX_LOADER_ADDRESS || !has_vectors(address, end)) return;
  take_mailbox();
  put_fault(now);
  if (stage_ == Stage::kFirmware) on_firmware(now);
}

void BootStages::put_fault(Time now) {
  switch (std::exchange(fault_, StartFault::kNone)) {
    case StartFault::kNeverBack:
      return;
    case StartFault::kBackInRom:
      resets_at_ = now + kWatchdog;
      return;
    case StartFault::kWrongNonce:
      if (nonce_) nonce_->front() ^= 1;
      break;
    case StartFault::kNoNonce:
      nonce_.reset();
      break;
    case StartFault::kOtherProgram:
      program_.back() ^= 1;
      break;
    case StartFault::kNone:
      break;
  }
  stage_ = Stage::kFirmware;
}

bool BootStages::read_mapped(std::uint32_t address, std::span<std::uint8_t> bytes) const {
  const std::uint32_t offset = address - mapped_.address;
  if (address < mapped_.address || offset + bytes.size() > mapped_.size) return false;
  mapped_.chip.peek(offset, bytes);
  return true;
}

bool BootStages::has_vectors(std::uint32_t address, std::uint32_t end) {
  std::array<std::uint8_t, 8> vectors{};
  const bool is_internal = address >= InternalFlash::kAddress &&
                           address - InternalFlash::kAddress < InternalFlash::kSize;
  if (is_internal) {
    const auto found = flash_.peek(address, vectors.size());
    if (!found) return false;
    std::ranges::copy(*found, vectors.begin());
  } else if (std::uint8_t* cell = ram_at(address)) {
    std::copy_n(cell, vectors.size(), vectors.begin());
  } else if (!read_mapped(address, vectors)) {
    return false;
  }
  const std::uint32_t stack = load_le32(vectors.data());
  const std::uint32_t entry = load_le32(vectors.data() + 4);
  const bool stack_is_ram =
      stack > kAxi ? stack - kAxi <= kAxiSize : stack > kDtcm && stack - kDtcm <= kDtcmSize;
  return stack_is_ram && stack % 8 == 0 && entry % 2 == 1 && entry > address && entry < end;
}

dfu_status BootStages::check(std::uint32_t address) {
  const bool is_internal = address >= InternalFlash::kAddress &&
                           address - InternalFlash::kAddress < InternalFlash::kSize;
  const std::uint32_t end =
      is_internal ? InternalFlash::kAddress + InternalFlash::kSize : UINT32_MAX;
  return has_vectors(address, end) ? DFU_OK : DFU_ERR_FIRMWARE;
}

void BootStages::start_application(std::uint32_t address, Time now) {
  stage_ = Stage::kApplication;
  application_ = address;
  shows_application_at_ = now + kApplicationStart;
}

}  // namespace gangd::model
