#include "tests/emu/parts/usb_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gangd::emu {
namespace {

using Handshake = UsbFunction::Handshake;

constexpr Time kResetTime = std::chrono::milliseconds(3);
// What the standard gives a device before it must listen again.
constexpr Time kResetRecovery = std::chrono::milliseconds(10);
constexpr Time kAddressRecovery = std::chrono::milliseconds(2);
constexpr std::uint8_t kIn = 0x80;

std::uint32_t length_of(const model::Transfer& transfer) {
  return transfer.setup[6] | std::uint32_t(transfer.setup[7]) << 8;
}
bool is_read(const model::Transfer& transfer) {
  return length_of(transfer) != 0 && (transfer.setup[0] & kIn) != 0;
}

}  // namespace

// Bytes at 12 or 480 Mbit/s, and what a controller adds to a packet: 19 of 64 bytes in a frame, 10
// of 512 in a microframe.
Time UsbHost::wire_time(std::size_t bytes) const {
  const auto count = static_cast<Time::rep>(bytes);
  return high_speed_ ? Time(4'000 + count * 17) : Time(10'000 + count * 667);
}

// --- the test's side

void UsbHost::submit(Transfer& transfer) {
  transfer.actual = 0;
  queues_[transfer.endpoint].push_back(&transfer);
  if (function_ == nullptr) {
    if (queues_[transfer.endpoint].size() == 1) complete(transfer.endpoint, Outcome::kUnplugged);
    return;
  }
  function_->wake();
}

void UsbHost::cancel(Transfer& transfer) {
  std::deque<Transfer*>& queue = queues_[transfer.endpoint];
  const auto found = std::ranges::find(queue, &transfer);
  if (found == queue.end()) return;
  if (transfer.endpoint == 0 && found == queue.begin()) stage_ = Stage::kSetup;
  queue.erase(found);
  transfer.outcome = Outcome::kCancelled;
  if (on_complete) on_complete(transfer);
}

void UsbHost::bus_reset() {
  if (function_ == nullptr) return;
  reset_wanted_ = true;
  complete_all(Outcome::kCancelled);
  if (function_ != nullptr) function_->wake();
}

void UsbHost::suspend(bool suspended) {
  if (function_ != nullptr) function_->suspend(suspended);
}

void UsbHost::complete(std::uint8_t queue, Outcome outcome) {
  Transfer& transfer = *queues_[queue].front();
  queues_[queue].pop_front();
  if (queue == 0) stage_ = Stage::kSetup;
  transfer.outcome = outcome;
  if (on_complete) on_complete(transfer);
}

// A callback may submit, so only what is there now is ended.
void UsbHost::complete_all(Outcome outcome) {
  std::vector<Transfer*> all;
  for (auto& [address, queue] : queues_) {
    all.insert(all.end(), queue.begin(), queue.end());
    queue.clear();
  }
  stage_ = Stage::kSetup;
  for (Transfer* transfer : all) {
    transfer->outcome = outcome;
    if (on_complete) on_complete(*transfer);
  }
}

// --- the controller's side

void UsbHost::show(UsbFunction& function, bool can_high_speed) {
  function_ = &function;
  function_can_high_speed_ = can_high_speed;
  high_speed_ = false;
  address_ = 0;
  control_packet_ = 64;
  reset_wanted_ = false;
  reset_ends_.reset();
  waiting_.clear();
  toggles_.clear();
  stage_ = Stage::kSetup;
  free_at_ = Time{};
  if (on_shown) on_shown(true);
}

void UsbHost::hide() {
  if (function_ == nullptr) return;
  function_ = nullptr;
  complete_all(Outcome::kUnplugged);
  if (on_shown) on_shown(false);
}

Time UsbHost::advance(Time now) {
  if (function_ == nullptr) return Time::max();
  if (std::exchange(reset_wanted_, false)) {
    reset_ends_ = now + kResetTime;
    function_->begin_reset();
  }
  if (reset_ends_) {
    if (now < *reset_ends_) return *reset_ends_;
    end_reset();
    free_at_ = now + kResetRecovery;
  }
  for (;;) {
    if (function_ == nullptr) return Time::max();
    if (reset_wanted_) return now;
    if (free_at_ > now) return free_at_;
    // The next queue behind the one that was served last, so that each gets its turn.
    auto next = queues_.upper_bound(last_queue_);
    std::size_t looked = 0;
    for (; looked < queues_.size(); ++looked, ++next) {
      if (next == queues_.end()) next = queues_.begin();
      if (!next->second.empty() && !waiting_[next->first]) break;
    }
    if (looked == queues_.size()) return Time::max();
    last_queue_ = next->first;
    free_at_ = std::max(free_at_, now) + transact(next->first);
    if (std::exchange(was_addressed_, false)) free_at_ += kAddressRecovery;
  }
}

void UsbHost::end_reset() {
  reset_ends_.reset();
  address_ = 0;
  control_packet_ = 64;
  high_speed_ = port_is_high_speed && function_can_high_speed_;
  toggles_.clear();
  waiting_.clear();
  function_->end_reset(high_speed_);
}

Time UsbHost::transact(std::uint8_t address) {
  return address == 0 ? transact_control() : transact_bulk(address);
}

// True: it goes on.
bool UsbHost::judge(std::uint8_t queue, Handshake handshake) {
  switch (handshake) {
    case Handshake::kAck:
      return true;
    case Handshake::kNak:
      waiting_[queue] = true;
      return false;
    case Handshake::kStall:
      complete(queue, Outcome::kStalled);
      return false;
    case Handshake::kNone:
      // Three times no answer, and the host's software is told; libusb calls it an I/O error.
      complete(queue, Outcome::kStalled);
      return false;
  }
  return false;
}

std::optional<bool> UsbHost::take_in(std::uint8_t queue, Transfer& transfer, std::uint32_t room,
                                     std::uint32_t packet_max) {
  const std::uint8_t number = queue & 0x7f;
  const UsbFunction::Packet packet = function_->give_in(number);
  if (!judge(queue, packet.handshake)) return std::nullopt;
  auto& expected = toggles_[number | kIn];
  if (expected && *expected != packet.toggle) {
    function_->complain(
        fmt::format("a packet of endpoint {:02X}h with DATA{} where the host "
                    "expects DATA{}: it takes it for a repetition",
                    number | kIn, packet.toggle ? 1 : 0, *expected ? 1 : 0));
  }
  expected = !packet.toggle;
  const auto size = static_cast<std::uint32_t>(packet.bytes.size());
  if (size > packet_max || size > room - transfer.actual) {
    complete(queue, Outcome::kOverflow);
    return std::nullopt;
  }
  if (transfer.data.size() < transfer.actual + size) transfer.data.resize(transfer.actual + size);
  std::ranges::copy(packet.bytes, transfer.data.begin() + transfer.actual);
  transfer.actual += size;
  return size < packet_max;
}

std::optional<bool> UsbHost::give_out(std::uint8_t queue, Transfer& transfer, std::uint32_t size,
                                      std::uint32_t packet_max) {
  const std::uint8_t number = queue & 0x7f;
  const std::uint32_t part = std::min(packet_max, size - transfer.actual);
  auto& toggle = toggles_[number];
  const auto bytes = std::span(transfer.data).subspan(transfer.actual, part);
  if (!judge(queue, function_->take_out(number, toggle.value_or(false), bytes))) {
    return std::nullopt;
  }
  toggle = !toggle.value_or(false);
  transfer.actual += part;
  return part < packet_max;
}

// --- control transfers

Time UsbHost::transact_control() {
  Transfer& transfer = *queues_[0].front();
  const std::uint32_t length = length_of(transfer);
  switch (stage_) {
    case Stage::kSetup:
      return control_setup(transfer);
    case Stage::kData:
      return control_data(transfer, length);
    case Stage::kStatus:
      return control_status(transfer, length);
  }
  return {};
}

// A SETUP is never refused. It begins with DATA0, the stages behind it with DATA1.
Time UsbHost::control_setup(Transfer& transfer) {
  if (!judge(0, function_->take_setup(address_, transfer.setup))) return wire_time(8);
  toggles_[0] = toggles_[kIn] = true;
  stage_ = length_of(transfer) == 0 ? Stage::kStatus : Stage::kData;
  return wire_time(8);
}

Time UsbHost::control_data(Transfer& transfer, std::uint32_t length) {
  const std::uint32_t before = transfer.actual;
  if (is_read(transfer)) {
    const auto is_short = take_in(0, transfer, length, control_packet_);
    if (!is_short) return wire_time(0);
    if (*is_short || transfer.actual == length) stage_ = Stage::kStatus;
  } else {
    const auto size =
        static_cast<std::uint32_t>(std::min<std::size_t>(transfer.data.size(), length));
    const auto is_short = give_out(0, transfer, size, control_packet_);
    if (!is_short) return wire_time(0);
    if (transfer.actual == size) stage_ = Stage::kStatus;
  }
  return wire_time(transfer.actual - before);
}

// An empty packet with DATA1 in the direction opposite to the data, IN without data.
Time UsbHost::control_status(Transfer& transfer, std::uint32_t /*length*/) {
  if (is_read(transfer)) {
    if (!judge(0, function_->take_out(0, true, {}))) return wire_time(0);
  } else {
    const UsbFunction::Packet packet = function_->give_in(0);
    if (!judge(0, packet.handshake)) return wire_time(0);
    if (!packet.toggle || !packet.bytes.empty()) {
      function_->complain("a status stage that is not an empty packet with DATA1");
    }
  }
  learn(transfer);
  complete(0, Outcome::kDone);
  return wire_time(0);
}

// What the host's system concludes from a request that has ended well.
void UsbHost::learn(const Transfer& transfer) {
  const std::array<std::uint8_t, 8>& setup = transfer.setup;
  if (setup[0] == 0x00 && setup[1] == 5) {
    address_ = setup[2] & 0x7f;
    was_addressed_ = true;
  }
  const bool device_descriptor = setup[0] == 0x80 && setup[1] == 6 && setup[3] == 1;
  if (device_descriptor && transfer.actual >= 8) control_packet_ = transfer.data[7];
  const bool configures = setup[0] == 0x00 && setup[1] == 9;
  const bool changes_interface = setup[0] == 0x01 && setup[1] == 11;
  for (std::uint8_t number = 1; number < 16 && (configures || changes_interface); ++number) {
    for (const unsigned address : {number + 0u, number | 0u + kIn}) {
      toggles_[static_cast<std::uint8_t>(address)] =
          configures ? std::optional(false) : std::nullopt;
    }
  }
  if (setup[0] == 0x02 && setup[1] == 1) toggles_[setup[4] & 0x8f] = false;
}

// --- bulk

Time UsbHost::transact_bulk(std::uint8_t address) {
  Transfer& transfer = *queues_[address].front();
  const auto size = static_cast<std::uint32_t>(transfer.data.size());
  const std::uint32_t before = transfer.actual;
  const auto is_short = (address & kIn) != 0 ? take_in(address, transfer, size, bulk_packet())
                                             : give_out(address, transfer, size, bulk_packet());
  if (!is_short) return wire_time(0);
  const Time taken = wire_time(transfer.actual - before);
  if (*is_short || transfer.actual == size) complete(address, Outcome::kDone);
  return taken;
}

}  // namespace gangd::emu
