#include "tests/rig/vrack/rack.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "loop/deadline.h"
#include "loop/scope.h"

namespace gangd::rig {

Rack::Rack(Loop& loop, const BoardClock& clock, const Topology& topology,
           const BoardFactory& make_board, DeviceTree* tree)
    : loop_(loop), buses_(topology.buses() + 1), tree_(tree) {
  // Hubs are devices too; they were there first.
  for (const Hub& hub : topology.hubs) (void)take_number(hub.bus);
  for (std::size_t i = 0; i < topology.boards.size(); ++i) {
    places_.push_back(
        std::make_unique<Place>(*this, loop, clock, topology.boards[i], i, make_board));
  }
}

Rack::~Rack() = default;

Task<void> Rack::run() {
  Scope scope(loop_, "places");
  for (const auto& place : places_) scope.spawn(place->name(), place->run());
  co_await scope.join();
}

Rack::Place* Rack::place(std::string_view name) const {
  for (const auto& place : places_) {
    if (place->name() == name) return place.get();
  }
  return nullptr;
}

Rack::Place* Rack::device_at(std::uint32_t bus, std::uint32_t number) const {
  for (const auto& place : places_) {
    const UsbDevice* device = place->device();
    if (device != nullptr && device->bus() == bus && device->number() == number) {
      return place.get();
    }
  }
  return nullptr;
}

std::uint32_t Rack::take_number(std::uint32_t bus) {
  Bus& numbers = buses_[bus];
  // A bus has 127 addresses, and a topology far fewer ports with boards.
  for (int tries = 0; tries < 127; ++tries) {
    const std::uint32_t number = numbers.next;
    numbers.next = number == 127 ? 1 : number + 1;
    if (numbers.taken[number]) continue;
    numbers.taken.set(number);
    return number;
  }
  CHECK(false, "bus {} has no address left", bus);
}

void Rack::free_number(std::uint32_t bus, std::uint32_t number) {
  buses_[bus].taken.reset(number);
}

void Rack::Place::reenumerate() {
  if (device_ == nullptr) return;
  gone_ = true;
  port_.changed().notify();
}

void Rack::Place::plug() {
  failure_.clear();
  port_.plug();
}

void Rack::Place::unplug() {
  failure_.clear();
  port_.unplug();
}

Task<void> Rack::Place::run() {
  // A device that could not be enumerated is left alone until it shows itself anew.
  std::uint64_t failed_arrival = 0;
  for (;;) {
    while (!port_.attached() || port_.arrivals() == failed_arrival) {
      if (!co_await port_.changed().wait()) co_return;
    }
    const std::uint64_t arrival = port_.arrivals();
    const Status status = co_await appear();
    if (rack_.loop_.current().is_cancelled()) co_return;
    failure_ = status ? std::string() : status.error().message();
    failed_arrival = status ? 0 : arrival;
    device_changed_.notify();
    if (status) co_await use_until_gone(arrival);
    if (rack_.loop_.current().is_cancelled()) co_return;
  }
}

Task<Status> Rack::Place::appear() {
  const std::uint32_t bus = bus_of(name_);
  const std::uint32_t number = rack_.take_number(bus);
  auto identity = co_await identify(port_, static_cast<std::uint8_t>(number));
  Status status;
  if (identity) {
    auto device = std::make_unique<UsbDevice>(port_, name_, bus, number, *std::move(identity));
    status = co_await configure(*device);
    if (status) {
      device_ = std::move(device);
      if (rack_.tree_ != nullptr) rack_.tree_->add(*device_);
      co_return status;
    }
  } else {
    status = std::move(identity).error();
  }
  rack_.free_number(bus, number);
  co_return status;
}

Task<void> Rack::Place::use_until_gone(std::uint64_t arrival) {
  while (port_.attached() && port_.arrivals() == arrival && !gone_) {
    if (!co_await port_.changed().wait()) break;
  }
  gone_ = true;
  // Users leave one after another, each in its own task; a bound is not needed, as each only waits
  // for transfers, and those have ended.
  std::vector<DeviceUser*> users;
  for (DeviceUser& user : users_) users.push_back(&user);
  for (DeviceUser* user : users) user->device_gone();
  while (!users_.empty()) {
    // After a cancellation the users are being cancelled as well, and there is nothing to wait
    // with.
    if (!co_await users_changed_.wait()) break;
  }
  if (rack_.tree_ != nullptr) rack_.tree_->remove(*device_);
  rack_.free_number(device_->bus(), device_->number());
  device_.reset();
  gone_ = false;
  device_changed_.notify();
}

Task<Status> Rack::Place::until(bool present, Duration limit) {
  co_return co_await with_timeout(limit, reach(present));
}

Task<Status> Rack::Place::reach(bool present) {
  for (;;) {
    if ((device() != nullptr) == present && !gone_) co_return Status();
    if (present && !failure_.empty()) co_return Error(Code::kIo, "{}", failure_);
    CO_TRY_STATUS(co_await device_changed_.wait());
  }
}

}  // namespace gangd::rig
