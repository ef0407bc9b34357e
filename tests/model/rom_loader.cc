#include "tests/model/rom_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "target_fw/core/bytes.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;
using Time = RomLoader::Time;

// From reset to the pull-up: 54 ms are stated for the H74x, nothing for the H7RS.
constexpr Time kStartup = 55ms;
// What the bootloader's own work on a block takes, and what it says.
constexpr Time kRamTime = 200us;
constexpr Time kShortest = 1ms;
// From the GETSTATUS that says dfuMANIFEST to the jump.
constexpr Time kLeave = 20ms;
constexpr Time kShortMassErase = 100ms;

enum State : std::uint8_t {
  kIdle = 2,
  kDownloadSync = 3,
  kBusy = 4,
  kDownloadIdle = 5,
  kManifestSync = 6,
  kManifest = 7,
  kUploadIdle = 9,
  kError = 10,
};
enum Request : std::uint8_t {
  kDownload = 1,
  kUpload = 2,
  kGetStatus = 3,
  kClearStatus = 4,
  kGetState = 5,
  kAbort = 6,
};
enum Status : std::uint8_t {
  kOk = 0,
  kErrTarget = 1,
  kErrWrite = 3,
  kErrErase = 4,
  kErrAddress = 8,
  kErrUnknown = 14,
  kErrStalled = 15,
};
enum Command : std::uint8_t { kSetAddress = 0x21, kErase = 0x41, kReadUnprotect = 0x92 };

constexpr std::uint16_t kFirstDataBlock = 2;
constexpr std::size_t kAddressCommand = 5;
constexpr std::uint8_t kLayoutString = 4;  // the index of the first

struct BugName {
  std::string_view name;
  RomBug bug;
};
constexpr BugName kBugs[] = {
    {"no-go", RomBug::kNoGo},
    {"no-mass-erase", RomBug::kNoMassErase},
    {"short-mass-erase", RomBug::kShortMassErase},
    {"short-timeouts", RomBug::kShortTimeouts},
    {"busy-until-cleared", RomBug::kBusyUntilCleared},
    {"spoils-odd-blocks", RomBug::kSpoilsOddBlocks},
    {"spoils-ram", RomBug::kSpoilsRam},
    {"cuts-strings", RomBug::kCutsStrings},
    {"silent-leave", RomBug::kSilentLeave},
    {"wants-room-on-stack", RomBug::kWantsRoomOnStack},
    {"wrong-flash-size", RomBug::kWrongFlashSize},
};

std::uint8_t low(std::uint64_t value) {
  return static_cast<std::uint8_t>(value);
}

std::uint32_t load_le32(const std::uint8_t* bytes) {
  std::uint32_t word = 0;
  for (int i = 3; i >= 0; --i) word = word << 8 | bytes[i];
  return word;
}

std::vector<std::string> layouts(const RomLoader::Options& options) {
  const RomLoader::Chip& chip = options.chip;
  const bool is_wrong = options.bugs.contains(RomBug::kWrongFlashSize);
  std::vector<std::string> all = {
      fmt::format("@Internal Flash   /0x{:08X}/{:02}*{:02}Kg", chip.flash.address,
                  chip.flash.size / chip.sector * (is_wrong ? 2 : 1), chip.sector / 1024)};
  for (const RomLoader::Range& each : chip.read_only) {
    all.push_back(fmt::format("@Read Only   /0x{:08X}/01*{:03}Ka", each.address,
                              std::max(each.size / 1024, 1u)));
  }
  for (const RomLoader::Range& each : chip.ram) {
    if (!options.tells_ram) break;
    all.push_back(fmt::format("@RAM   /0x{:08X}/{:03}*001Ke", each.address, each.size / 1024));
  }
  return all;
}

}  // namespace

std::optional<RomBug> find_rom_bug(std::string_view name) {
  for (const BugName& each : kBugs) {
    if (each.name == name) return each.bug;
  }
  return std::nullopt;
}

std::vector<std::string_view> rom_bug_names() {
  std::vector<std::string_view> names;
  for (const BugName& each : kBugs) names.push_back(each.name);
  return names;
}

RomLoader::RomLoader(RomTarget& target, Options options)
    : target_(target),
      options_(std::move(options)),
      state_(kIdle),
      usb_(descriptors(options_), options_.bus,
           [this](const ControlDevice::Setup& setup, Bytes& data) { return answer(setup, data); }) {
  usb_.on_complete = [this](Transfer& transfer) { on_complete(transfer); };
  usb_.on_shown = [this](bool shown) {
    if (on_shown) on_shown(shown);
  };
}

ControlDevice::Descriptors RomLoader::descriptors(const Options& options) {
  ControlDevice::Descriptors own;
  own.vendor = kVendor;
  own.product = kProduct;
  own.release = 0x2200;
  own.strings = {"STMicroelectronics", "STM32  BOOTLOADER", options.serial};
  const std::vector<std::string> names = layouts(options);
  own.strings.insert(own.strings.end(), names.begin(), names.end());
  if (options.bugs.contains(RomBug::kCutsStrings)) {
    for (std::string& text : own.strings) text.pop_back();
  }
  own.alternates = low(names.size());
  for (std::uint8_t i = 0; i < own.alternates; ++i) {
    const std::uint8_t interface[] = {9, 4, 0, i, 0, 0xfe, 1, 2, low(kLayoutString + i)};
    own.interfaces.insert(own.interfaces.end(), std::begin(interface), std::end(interface));
  }
  const std::uint16_t size = options.chip.transfer;
  // It can download and upload, and detaches by itself.
  const std::uint8_t functional[] = {9, 0x21, 0x0b, 0xff, 0, low(size), low(size >> 8), 0x1a, 0x01};
  own.interfaces.insert(own.interfaces.end(), std::begin(functional), std::end(functional));
  return own;
}

void RomLoader::start(Time now) {
  state_ = kIdle;
  status_ = result_ = kOk;
  pointer_ = options_.chip.flash.address;
  is_stuck_ = writes_fail_ = uses_flash_ = false;
  now_ = now;
  leaves_at_ = kNever;
  shows_at_ = now + kStartup;
}

void RomLoader::stop() {
  shows_at_ = leaves_at_ = kNever;
  usb_.show(false);
}

void RomLoader::submit(Transfer& transfer, Time now) {
  now_ = std::max(now_, now);
  usb_.submit(transfer, now);
}

RomLoader::Time RomLoader::advance(Time now) {
  now_ = now;
  if (shows_at_ <= now) {
    shows_at_ = kNever;
    usb_.show(true);
  }
  const Time next = usb_.advance(now);
  if (leaves_at_ <= now) {
    stop();
    target_.go(pointer_, now);
    return kNever;
  }
  return std::min({next, shows_at_, leaves_at_});
}

bool RomLoader::answer(const ControlDevice::Setup& setup, Bytes& data) {
  if ((setup.type & 0x7f) != 0x21 || setup.index != 0) return false;
  switch (setup.request) {
    case kDownload:
      return download(setup.value, std::move(data));
    case kUpload:
      return upload(setup.value, setup.length, data);
    case kGetStatus:
      return get_status(data);
    case kClearStatus:
      return clear_status();
    case kGetState:
      data = {state_};
      return true;
    case kAbort:
      return abort();
    default:
      return refuse(kErrStalled);
  }
}

bool RomLoader::refuse(std::uint8_t status) {
  state_ = kError;
  status_ = status;
  return false;
}

bool RomLoader::download(std::uint16_t block, Bytes data) {
  if (state_ != kIdle && state_ != kDownloadIdle) return refuse(kErrStalled);
  if (data.empty()) {
    state_ = kManifestSync;
    return true;
  }
  if (data.size() > options_.chip.transfer || block == 1) return refuse(kErrStalled);
  if (block == 0) {
    const std::uint8_t command = data[0];
    const bool is_known =
        (command == kSetAddress && data.size() == kAddressCommand) ||
        (command == kErase && (data.size() == kAddressCommand || data.size() == 1));
    // Taking the read protection away would erase the chip; no test of ours may ask for it.
    if (!is_known) return refuse(kErrStalled);
  }
  block_ = block;
  data_ = std::move(data);
  state_ = kDownloadSync;
  return true;
}

bool RomLoader::upload(std::uint16_t block, std::uint16_t length, Bytes& data) {
  if ((state_ != kIdle && state_ != kUploadIdle) || block == 1) return refuse(kErrStalled);
  if (block == 0) {
    data = {0x00, kSetAddress, kErase, kReadUnprotect};
    state_ = kIdle;
    return true;
  }
  const std::uint64_t address =
      pointer_ + std::uint64_t{options_.chip.transfer} * (block - kFirstDataBlock);
  if (length > options_.chip.transfer || address > UINT32_MAX ||
      !is_readable(static_cast<std::uint32_t>(address), length)) {
    return refuse(kErrAddress);
  }
  data.resize(length);
  if (!target_.read(static_cast<std::uint32_t>(address), data, now_)) return refuse(kErrUnknown);
  state_ = kUploadIdle;
  return true;
}

bool RomLoader::get_status(Bytes& data) {
  Time told = kShortest;
  if (state_ == kDownloadSync) {
    begin_operation();
    told = told_;
    state_ = kBusy;
  } else if (state_ == kBusy) {
    const bool is_done = busy_until_ <= now_ && !is_stuck_;
    if (!is_done && has(RomBug::kShortTimeouts)) return false;
    if (is_done) end_operation();
    told = is_done ? Time(0) : std::max(busy_until_ - now_, kShortest);
  } else if (state_ == kManifestSync) {
    if (!goes()) {
      state_ = kIdle;
    } else {
      state_ = kManifest;
      leaves_at_ = has(RomBug::kSilentLeave) ? now_ : now_ + kLeave;
      if (has(RomBug::kSilentLeave)) return false;
    }
  }
  const auto ms = static_cast<std::uint32_t>((told + 999us) / 1ms);
  data = {status_, low(ms), low(ms >> 8), low(ms >> 16), state_, 0};
  return true;
}

bool RomLoader::has_room(const Chip& chip, std::uint32_t stack) {
  return std::ranges::any_of(chip.ram, [&](const Range& range) {
    return stack > range.address && stack - range.address < range.size - 16;
  });
}

bool RomLoader::goes() {
  if (has(RomBug::kNoGo)) return false;
  if (!has(RomBug::kWantsRoomOnStack)) return true;
  std::array<std::uint8_t, 4> stack{};
  return target_.read(pointer_, stack, now_) && has_room(options_.chip, load_le32(stack.data()));
}

bool RomLoader::clear_status() {
  // The way that the vendor's tool goes: the first makes an error of it, the second clears that.
  if (std::exchange(is_stuck_, false)) {
    state_ = kError;
    status_ = kErrUnknown;
    return true;
  }
  if (state_ != kError) return refuse(kErrUnknown);
  state_ = kIdle;
  status_ = kOk;
  return true;
}

bool RomLoader::abort() {
  if (state_ == kBusy || state_ == kManifest || state_ == kError) return refuse(kErrStalled);
  state_ = kIdle;
  return true;
}

void RomLoader::begin_operation() {
  result_ = kOk;
  uses_flash_ = false;
  busy_until_ = now_ + kRamTime;
  if (block_ == 0) {
    begin_command();
  } else {
    begin_write();
  }
  const Time left = busy_until_ - now_;
  told_ = has(RomBug::kShortTimeouts) ? kShortest : std::max(left, kShortest);
  if (block_ == 0 && data_.size() == 1 && has(RomBug::kShortMassErase)) told_ = kShortMassErase;
}

void RomLoader::begin_command() {
  if (data_.size() == 1) return begin_mass_erase();
  const std::uint32_t address = load_le32(&data_[1]);
  const Chip& chip = options_.chip;
  if (data_[0] == kSetAddress) {
    if (is_readable(address, 1)) {
      pointer_ = address;
    } else {
      result_ = kErrAddress;
    }
  } else if (!chip.flash.holds(address, 1)) {
    result_ = kErrAddress;  // the RAM cannot be erased either
  } else {
    uses_flash_ = true;
    busy_until_ = target_.erase_sector(address / chip.sector * chip.sector, now_);
    is_stuck_ = has(RomBug::kBusyUntilCleared);
  }
}

void RomLoader::begin_mass_erase() {
  const Chip& chip = options_.chip;
  if (has(RomBug::kNoMassErase)) {
    result_ = kErrErase;
    return;
  }
  uses_flash_ = true;
  Time at = now_;
  for (std::uint32_t done = 0; done < chip.flash.size; done += chip.sector) {
    at = target_.erase_sector(chip.flash.address + done, at);
    if (target_.flash_failed()) result_ = kErrErase;
  }
  busy_until_ = at;
}

void RomLoader::begin_write() {
  const Chip& chip = options_.chip;
  const std::uint64_t address =
      pointer_ + std::uint64_t{chip.transfer} * (block_ - kFirstDataBlock);
  const auto at = static_cast<std::uint32_t>(address);
  const bool is_flash = address <= UINT32_MAX && chip.flash.holds(at, data_.size());
  const bool is_ram_there = address <= UINT32_MAX && is_ram(at, data_.size());
  const std::uint32_t unit = is_flash ? chip.word : 4;
  if (!is_flash && !is_ram_there) {
    result_ = address <= UINT32_MAX && is_readable(at, data_.size()) ? kErrWrite : kErrAddress;
    return;
  }
  // One that is not aligned makes all that follow fail (AN2606).
  writes_fail_ |= at % unit != 0 || data_.size() % unit != 0;
  if (writes_fail_) {
    result_ = kErrWrite;
    return;
  }
  if (has(RomBug::kSpoilsOddBlocks) && data_.size() > 256 && data_.size() % 8 != 0) {
    data_.back() ^= 0xff;
  }
  if (is_flash) {
    uses_flash_ = true;
    busy_until_ = target_.program(at, data_, now_);
    return;
  }
  if (has(RomBug::kSpoilsRam)) data_[data_.size() / 2] ^= 0x10;
  target_.write_ram(at, data_);
}

void RomLoader::end_operation() {
  if (uses_flash_ && result_ == kOk && target_.flash_failed()) {
    result_ = block_ == 0 ? kErrErase : kErrWrite;
  }
  status_ = result_;
  state_ = result_ == kOk ? kDownloadIdle : kError;
}

bool RomLoader::is_ram(std::uint32_t address, std::uint64_t size) const {
  const Range& own = options_.chip.own;
  const bool is_own =
      address < own.address + std::uint64_t{own.size} && own.address < address + size;
  return !is_own && std::ranges::any_of(options_.chip.ram, [&](const Range& each) {
    return each.holds(address, size);
  });
}

bool RomLoader::is_readable(std::uint32_t address, std::uint64_t size) const {
  return options_.chip.flash.holds(address, size) || is_ram(address, size) ||
         std::ranges::any_of(options_.chip.read_only,
                             [&](const Range& each) { return each.holds(address, size); });
}

}  // namespace gangd::model
