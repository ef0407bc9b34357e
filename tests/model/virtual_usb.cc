#include "tests/model/virtual_usb.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace gangd::model {
namespace {

constexpr std::uint8_t kControlOut = 0x00;
constexpr std::uint8_t kControlIn = 0x80;

VirtualUsb& usb_of(void* self) {
  return *static_cast<VirtualUsb*>(self);
}

std::uint32_t length_of(const Transfer& transfer) {
  return static_cast<std::uint32_t>(transfer.setup[6] | transfer.setup[7] << 8);
}

}  // namespace

VirtualUsb::VirtualUsb(usb_device& device, bool high_speed)
    : device_(device), high_speed_(high_speed) {
  endpoint(kControlOut).open = true;
  endpoint(kControlIn).open = true;
  port_.self = this;
  port_.connect = [](void* self, bool shown) { usb_of(self).connect(shown); };
  port_.set_address = [](void* self, std::uint8_t value) { usb_of(self).address_ = value; };
  port_.open = [](void* self, std::uint8_t address, std::uint16_t packet_max) {
    usb_of(self).open(address, packet_max);
  };
  port_.close = [](void* self, std::uint8_t address) {
    Endpoint& at = usb_of(self).endpoint(address);
    at.open = at.stalled = at.armed = false;
  };
  port_.stall = [](void* self, std::uint8_t address) { usb_of(self).stall(address, true); };
  port_.unstall = [](void* self, std::uint8_t address) { usb_of(self).stall(address, false); };
  port_.send = [](void* self, std::uint8_t address, const std::uint8_t* bytes, std::uint32_t size) {
    usb_of(self).arm(address, true, bytes, nullptr, size);
  };
  port_.receive = [](void* self, std::uint8_t address, std::uint8_t* bytes, std::uint32_t size) {
    usb_of(self).arm(address, false, nullptr, bytes, size);
  };
}

// --- what the firmware does to the controller

void VirtualUsb::connect(bool shown) {
  if (shown_ == shown) return;
  shown_ = shown;
  disarm_all();
  if (!shown) complete_all(Outcome::kUnplugged);
  if (on_shown) on_shown(shown);
}

void VirtualUsb::open(std::uint8_t address, std::uint16_t packet_max) {
  Endpoint& at = endpoint(address);
  at.open = true;
  at.stalled = at.armed = false;
  at.packet_max = packet_max;
}

void VirtualUsb::stall(std::uint8_t address, bool stalled) {
  if ((address & 0x7f) == 0) {
    endpoint(kControlOut).stalled = endpoint(kControlIn).stalled = stalled;
  } else {
    endpoint(address).stalled = stalled;
  }
  if (stalled && on_prepared) on_prepared(address);
}

void VirtualUsb::arm(std::uint8_t address, bool is_send, const std::uint8_t* send,
                     std::uint8_t* receive, std::uint32_t size) {
  Endpoint& at = endpoint(address);
  if (!at.open) complain("a transfer on a closed endpoint", address);
  if (at.armed) complain("a second transfer while one runs", address);
  if (is_send != ((address & 0x80) != 0)) {
    complain("a transfer in the wrong direction", address);
  }
  at.armed = true;
  at.send = send;
  at.receive = receive;
  at.size = size;
  at.done = 0;
  if (on_prepared) on_prepared(address);
}

void VirtualUsb::complain(const char* what, std::uint8_t address) {
  complaints_.push_back(std::string(what) + ": endpoint " + std::to_string(address));
}

// --- what the host does

void VirtualUsb::submit(Transfer& transfer) {
  transfer.actual = 0;
  Endpoint& at = endpoint(transfer.endpoint);
  at.queue.push_back(&transfer);
  if (at.queue.size() > 1) return;
  if (!shown_) {
    complete(at, Outcome::kUnplugged);
  } else if (!at.open) {
    complete(at, Outcome::kStalled);
  }
}

void VirtualUsb::cancel(Transfer& transfer) {
  Endpoint& at = endpoint(transfer.endpoint);
  const auto found = std::find(at.queue.begin(), at.queue.end(), &transfer);
  if (found == at.queue.end()) return;
  if (transfer.endpoint == 0 && found == at.queue.begin()) stage_ = Stage::kSetup;
  at.queue.erase(found);
  transfer.outcome = Outcome::kCancelled;
  if (on_complete) on_complete(transfer);
}

void VirtualUsb::bus_reset() {
  if (!shown_) return;
  address_ = 0;
  disarm_all();
  tell({.kind = USB_RESET, .endpoint = 0, .high_speed = high_speed_, .setup = {}, .size = 0});
  complete_all(Outcome::kCancelled);
}

void VirtualUsb::suspend(bool suspended) {
  const std::uint8_t kind = suspended ? USB_SUSPENDED : USB_RESUMED;
  tell({.kind = kind, .endpoint = 0, .high_speed = false, .setup = {}, .size = 0});
}

// Bulk endpoints exist again when the firmware opens them.
void VirtualUsb::disarm_all() {
  stage_ = Stage::kSetup;
  for (auto& [address, at] : endpoints_) {
    at.armed = at.stalled = false;
    at.open = (address & 0x7f) == 0;
  }
}

// The callback may submit, so only what is there now is ended.
void VirtualUsb::complete_all(Outcome outcome) {
  std::vector<Transfer*> all;
  for (auto& [address, at] : endpoints_) {
    all.insert(all.end(), at.queue.begin(), at.queue.end());
    at.queue.clear();
  }
  for (Transfer* transfer : all) {
    transfer->outcome = outcome;
    if (on_complete) on_complete(*transfer);
  }
}

void VirtualUsb::complete(Endpoint& at, Outcome outcome) {
  Transfer& transfer = *at.queue.front();
  at.queue.pop_front();
  if (transfer.endpoint == 0) stage_ = Stage::kSetup;
  transfer.outcome = outcome;
  if (on_complete) on_complete(transfer);
}

// --- the bus

bool VirtualUsb::step() {
  if (!shown_) return false;
  bool moved = step_control();
  for (auto& [address, at] : endpoints_) {
    if ((address & 0x7f) != 0 && !at.queue.empty()) moved |= step_bulk(address, at);
  }
  return moved;
}

bool VirtualUsb::step_at(std::uint8_t address) {
  if (!shown_) return false;
  if (address == kControlOut) return step_control();
  Endpoint& at = endpoint(address);
  return !at.queue.empty() && step_bulk(address, at);
}

std::vector<std::uint8_t> VirtualUsb::wanted() const {
  std::vector<std::uint8_t> all;
  for (const auto& [address, at] : endpoints_) {
    if (shown_ && !at.queue.empty()) all.push_back(address);
  }
  return all;
}

// Of `bytes` that one side has left, into the `room` of the other; nothing left is an empty packet.
VirtualUsb::Ready VirtualUsb::packets(std::uint32_t bytes, std::uint32_t room, const Endpoint& at,
                                      std::uint32_t packets_max) {
  const auto in_packets = [&at](std::uint32_t size) {
    return std::max(1u, (size + at.packet_max - 1) / at.packet_max);
  };
  const std::uint32_t count = std::min({packets_max, in_packets(bytes), in_packets(room)});
  return {count, std::min({bytes, room, count * at.packet_max})};
}

VirtualUsb::Ready VirtualUsb::ready(std::uint8_t address, std::uint32_t packets_max) const {
  const auto found = endpoints_.find(address);
  if (!shown_ || found == endpoints_.end() || found->second.queue.empty()) return {};
  if (address == kControlOut) return ready_control(packets_max);
  const Endpoint& at = found->second;
  if (!at.open || at.stalled) return {1, 0};
  if (!at.armed) return {};
  const Transfer& transfer = *at.queue.front();
  const auto left = static_cast<std::uint32_t>(transfer.data.size()) - transfer.actual;
  return packets(left, at.size - at.done, at, packets_max);
}

VirtualUsb::Ready VirtualUsb::ready_control(std::uint32_t packets_max) const {
  const Endpoint& out = endpoints_.at(kControlOut);
  const Transfer& transfer = *out.queue.front();
  if (stage_ == Stage::kSetup) return {1, USB_SETUP_SIZE};
  if (out.stalled) return {1, 0};
  const std::uint32_t length = length_of(transfer);
  const bool is_read = length != 0 && (transfer.setup[0] & 0x80) != 0;
  const bool is_data = stage_ == Stage::kData;
  const Endpoint& hardware = endpoints_.at(is_read == is_data ? kControlIn : kControlOut);
  if (!hardware.armed) return {};
  if (!is_data) return {1, 0};
  const auto size =
      is_read ? length
              : static_cast<std::uint32_t>(std::min<std::size_t>(transfer.data.size(), length));
  return packets(size - transfer.actual, hardware.size - hardware.done, hardware, packets_max);
}

// A SETUP is never refused: the controller forgets what it was armed with and takes it.
void VirtualUsb::send_setup(const std::array<std::uint8_t, 8>& setup) {
  for (std::uint8_t address : {kControlOut, kControlIn}) {
    endpoint(address).armed = endpoint(address).stalled = false;
  }
  usb_bus_event event{};
  event.kind = USB_SETUP;
  std::copy(setup.begin(), setup.end(), event.setup);
  tell(event);
}

void VirtualUsb::setup_only(const std::array<std::uint8_t, 8>& setup) {
  if (shown_) send_setup(setup);
}

bool VirtualUsb::step_control() {
  Endpoint& at = endpoint(kControlOut);
  if (at.queue.empty()) return false;
  Transfer& transfer = *at.queue.front();
  const std::uint32_t length = length_of(transfer);
  if (stage_ == Stage::kSetup) {
    stage_ = length == 0 ? Stage::kStatus : Stage::kData;
    send_setup(transfer.setup);
    return true;
  }
  if (at.stalled) {
    complete(at, Outcome::kStalled);
    return true;
  }
  if (stage_ == Stage::kData) return step_data(transfer, length);
  const bool is_read = length != 0 && (transfer.setup[0] & 0x80) != 0;
  return step_status(is_read);
}

bool VirtualUsb::step_data(Transfer& transfer, std::uint32_t length) {
  bool ended = false;
  bool moved = false;
  if ((transfer.setup[0] & 0x80) != 0) {
    moved = take_packet(kControlIn, transfer, length, ended);
  } else {
    const auto size =
        static_cast<std::uint32_t>(std::min<std::size_t>(transfer.data.size(), length));
    moved = give_packet(kControlOut, transfer, size, ended);
  }
  if (ended) stage_ = Stage::kStatus;
  return moved;
}

// The status stage is an empty packet in the direction opposite to the data, IN without data.
bool VirtualUsb::step_status(bool is_read) {
  const std::uint8_t address = is_read ? kControlOut : kControlIn;
  Endpoint& hardware = endpoint(address);
  if (!hardware.armed) return false;
  hardware.armed = false;
  if (hardware.size != 0) complain("a status stage with data", address);
  usb_bus_event event{};
  event.kind = is_read ? USB_RECEIVED : USB_SENT;
  event.endpoint = address;
  tell(event);
  complete(endpoint(kControlOut), Outcome::kDone);
  return true;
}

bool VirtualUsb::step_bulk(std::uint8_t address, Endpoint& at) {
  if (!at.open || at.stalled) {
    complete(at, Outcome::kStalled);
    return true;
  }
  Transfer& transfer = *at.queue.front();
  const auto size = static_cast<std::uint32_t>(transfer.data.size());
  bool ended = false;
  const bool moved = (address & 0x80) != 0 ? take_packet(address, transfer, size, ended)
                                           : give_packet(address, transfer, size, ended);
  if (ended) complete(at, Outcome::kDone);
  return moved;
}

// One IN packet into the transfer, which has `room` bytes in all.
bool VirtualUsb::take_packet(std::uint8_t address, Transfer& transfer, std::uint32_t room,
                             bool& ended) {
  Endpoint& from = endpoint(address);
  if (!from.armed) return false;
  const std::uint32_t size = std::min<std::uint32_t>(from.packet_max, from.size - from.done);
  if (size > room - transfer.actual) {
    complain("more than the host has asked for", address);
    complete(endpoint(transfer.endpoint), Outcome::kOverflow);
    return true;
  }
  const std::uint32_t end = transfer.actual + size;
  if (transfer.data.size() < end) transfer.data.resize(end);
  if (size > 0) std::memcpy(transfer.data.data() + transfer.actual, from.send + from.done, size);
  from.done += size;
  transfer.actual = end;
  ended = size < from.packet_max || transfer.actual == room;
  if (from.done < from.size) return true;
  from.armed = false;
  usb_bus_event event{};
  event.kind = USB_SENT;
  event.endpoint = address;
  tell(event);
  return true;
}

// One OUT packet of the `length` bytes that the host sends in all.
bool VirtualUsb::give_packet(std::uint8_t address, Transfer& transfer, std::uint32_t length,
                             bool& ended) {
  Endpoint& to = endpoint(address);
  if (!to.armed) return false;
  const std::uint32_t size = std::min<std::uint32_t>(to.packet_max, length - transfer.actual);
  if (size > to.size - to.done) {
    complain("more than the firmware has room for", address);
    complete(endpoint(transfer.endpoint), Outcome::kOverflow);
    return true;
  }
  if (size > 0) std::memcpy(to.receive + to.done, transfer.data.data() + transfer.actual, size);
  to.done += size;
  transfer.actual += size;
  ended = transfer.actual == length;
  if (to.done < to.size && size == to.packet_max) return true;
  to.armed = false;
  usb_bus_event event{};
  event.kind = USB_RECEIVED;
  event.endpoint = address;
  event.size = to.done;
  tell(event);
  return true;
}

}  // namespace gangd::model
