#include "tests/model/control_device.h"

#include <algorithm>
#include <utility>

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

// Hosts of full speed begin a stage with a frame of 1 ms: SETUP and data, then the status. What
// hubs and controllers really manage differs.
constexpr ControlDevice::Time kFrame = 1ms;

constexpr std::uint8_t kToHost = 0x80;
constexpr std::uint8_t kKind = 0x60;  // of bmRequestType: 0 is standard
constexpr std::uint16_t kLanguage = 0x0409;

enum : std::uint8_t {
  kGetStatus = 0,
  kClearFeature = 1,
  kSetAddress = 5,
  kGetDescriptor = 6,
  kGetConfiguration = 8,
  kSetConfiguration = 9,
  kGetInterface = 10,
  kSetInterface = 11,
};

std::uint8_t low(std::size_t value) {
  return static_cast<std::uint8_t>(value);
}

ControlDevice::Setup setup_of(const Transfer& transfer) {
  const auto& bytes = transfer.setup;
  const auto word = [&bytes](std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] | bytes[at + 1] << 8);
  };
  return {bytes[0], bytes[1], word(2), word(4), word(6)};
}

}  // namespace

ControlDevice::ControlDevice(Descriptors descriptors, UsbBus* bus, Answer answer)
    : descriptors_(std::move(descriptors)), bus_(bus), answer_(std::move(answer)) {}

void ControlDevice::show(bool shown) {
  if (std::exchange(shown_, shown) == shown) return;
  configuration_ = alternate_ = 0;
  if (!shown) {
    for (const Pending& each : std::exchange(pending_, {})) {
      each.transfer->outcome = Outcome::kUnplugged;
      each.transfer->actual = 0;
      on_complete(*each.transfer);
    }
  }
  if (on_shown) on_shown(shown);
}

void ControlDevice::submit(Transfer& transfer, Time now) {
  transfer.actual = 0;
  if (!shown_ || transfer.endpoint != 0) {
    transfer.outcome = shown_ ? Outcome::kStalled : Outcome::kUnplugged;
    return on_complete(transfer);
  }
  const Time from = pending_.empty() ? now : std::max(now, pending_.back().ends);
  pending_.push_back({&transfer, duration_ends(transfer, from)});
}

ControlDevice::Time ControlDevice::duration_ends(const Transfer& transfer, Time now) {
  if (bus_ == nullptr) return now;
  const auto size = static_cast<std::uint32_t>(transfer.data.size());
  const std::uint32_t packets = 2 + (size + kPacket - 1) / kPacket;
  const Time across = bus_->carry(now, packets, 8 + size);
  return std::max(across, now + kFrame) + kFrame;
}

void ControlDevice::cancel(Transfer& transfer) {
  const auto found = std::ranges::find(pending_, &transfer, &Pending::transfer);
  if (found == pending_.end()) return;
  pending_.erase(found);
  transfer.outcome = Outcome::kCancelled;
  on_complete(transfer);
}

void ControlDevice::bus_reset() {
  configuration_ = alternate_ = 0;
  for (const Pending& each : std::exchange(pending_, {})) {
    each.transfer->outcome = Outcome::kCancelled;
    on_complete(*each.transfer);
  }
}

ControlDevice::Time ControlDevice::advance(Time now) {
  while (!pending_.empty() && pending_.front().ends <= now) {
    Transfer& transfer = *pending_.front().transfer;
    pending_.pop_front();
    execute(transfer);
    on_complete(transfer);
  }
  return pending_.empty() ? Time::max() : pending_.front().ends;
}

void ControlDevice::execute(Transfer& transfer) {
  const Setup setup = setup_of(transfer);
  std::vector<std::uint8_t> data;
  const bool to_host = (setup.type & kToHost) != 0;
  if (!to_host) data = transfer.data;
  const bool is_standard = (setup.type & kKind) == 0;
  if (!(is_standard ? answer_standard(setup, data) : answer_(setup, data))) {
    transfer.outcome = Outcome::kStalled;
    return;
  }
  transfer.outcome = Outcome::kDone;
  transfer.actual = static_cast<std::uint32_t>(transfer.data.size());
  if (!to_host) return;
  data.resize(std::min<std::size_t>(data.size(), transfer.data.size()));
  std::ranges::copy(data, transfer.data.begin());
  transfer.actual = static_cast<std::uint32_t>(data.size());
}

bool ControlDevice::answer_standard(const Setup& setup, std::vector<std::uint8_t>& data) {
  switch (setup.request) {
    case kGetDescriptor:
      return descriptor(setup, data);
    case kSetAddress:
    case kClearFeature:
      return true;
    case kGetStatus:
      data = {0, 0};
      return true;
    case kGetConfiguration:
      data = {configuration_};
      return true;
    case kSetConfiguration:
      configuration_ = low(setup.value);
      alternate_ = 0;
      return setup.value <= 1;
    case kGetInterface:
      data = {alternate_};
      return setup.index == 0;
    case kSetInterface:
      if (setup.index != 0 || setup.value >= descriptors_.alternates) return false;
      alternate_ = low(setup.value);
      return true;
    default:
      return false;
  }
}

bool ControlDevice::descriptor(const Setup& setup, std::vector<std::uint8_t>& data) const {
  const Descriptors& own = descriptors_;
  const std::size_t index = low(setup.value);
  switch (setup.value >> 8) {
    case 1:
      data = {18,
              1,
              0x00,
              0x02,
              0,
              0,
              0,
              kPacket,
              low(own.vendor),
              low(own.vendor >> 8),
              low(own.product),
              low(own.product >> 8),
              low(own.release),
              low(own.release >> 8),
              1,
              2,
              3,
              1};
      return true;
    case 2: {
      const std::size_t size = 9 + own.interfaces.size();
      data = {9, 2, low(size), low(size >> 8), 1, 1, 0, 0xc0, 50};
      data.insert(data.end(), own.interfaces.begin(), own.interfaces.end());
      return index == 0;
    }
    case 3: {
      if (index > own.strings.size()) return false;
      data = {4, 3, low(kLanguage), low(kLanguage >> 8)};
      if (index == 0) return true;
      const std::string& text = own.strings[index - 1];
      data = {low(2 + 2 * text.size()), 3};
      for (const char letter : text) {
        data.push_back(static_cast<std::uint8_t>(letter));
        data.push_back(0);
      }
      return true;
    }
    default:
      return false;
  }
}

}  // namespace gangd::model
