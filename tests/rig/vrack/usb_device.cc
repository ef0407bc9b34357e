#include "tests/rig/vrack/usb_device.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "loop/deadline.h"

namespace gangd::rig {
namespace {

constexpr std::uint8_t kClearFeature = 1;
constexpr std::uint8_t kSetAddress = 5;
constexpr std::uint8_t kGetDescriptor = 6;
constexpr std::uint8_t kSetConfiguration = 9;
constexpr std::uint8_t kSetInterface = 11;

// USB_CTRL_GET_TIMEOUT of the kernel.
constexpr Duration kControlTimeout = std::chrono::seconds(5);
// Its PORT_INIT_TRIES.
constexpr int kInitTries = 4;

class ControlUrb final : public Leaf, private Urb {
 public:
  ControlUrb(UsbPort& port, std::array<std::uint8_t, 8> request, ByteVector bytes) : port_(port) {
    setup = request;
    data = std::move(bytes);
  }

  Result<ByteVector> await_resume() {
    if (refused()) return cancelled();
    switch (outcome) {
      case RackBoard::Outcome::kDone:
        if (is_in()) data.resize(std::min<std::size_t>(actual, data.size()));
        return std::move(data);
      case RackBoard::Outcome::kStalled:
        return Error(Code::kStalled, "stalled");
      case RackBoard::Outcome::kUnplugged:
        return Error(Code::kUnplugged, "unplugged");
      case RackBoard::Outcome::kCancelled:
        return cancelled();
      case RackBoard::Outcome::kOverflow:
        return Error(Code::kIo, "babble");
    }
    return Error(Code::kIo, "no outcome");
  }

 private:
  // It may end within submit(), when nobody can be resolved yet.
  bool start() override {
    starting_ = true;
    port_.submit(*this);
    starting_ = false;
    return !ended_;
  }
  void abort() override { port_.cancel(*this); }
  void ended() override {
    ended_ = true;
    if (!starting_) resolve();
  }

  UsbPort& port_;
  bool starting_ = false;
  bool ended_ = false;
};

std::array<std::uint8_t, 8> make_setup(std::uint8_t type, std::uint8_t request, std::uint16_t value,
                                       std::uint16_t index, std::uint16_t length) {
  const auto low = [](std::uint16_t word) { return static_cast<std::uint8_t>(word); };
  const auto high = [](std::uint16_t word) { return static_cast<std::uint8_t>(word >> 8); };
  return {type,       request,     low(value),  high(value),
          low(index), high(index), low(length), high(length)};
}

Task<Result<ByteVector>> get_descriptor(UsbPort& port, std::uint8_t type, std::uint8_t index,
                                        std::uint16_t language, std::size_t size) {
  const auto value = static_cast<std::uint16_t>(type << 8 | index);
  const auto setup =
      make_setup(0x80, kGetDescriptor, value, language, static_cast<std::uint16_t>(size));
  co_return co_await control_transfer(port, setup, ByteVector(size));
}

// A string descriptor as the text that sysfs shows; empty if the device has none to give.
Task<std::string> get_string(UsbPort& port, std::uint8_t index, std::uint16_t language) {
  std::string text;
  if (index == 0) co_return text;
  const auto bytes = co_await get_descriptor(port, kStringDescriptor, index, language, 255);
  if (!bytes) co_return text;
  // Characters outside of ASCII become '?': serial numbers have none.
  for (std::size_t i = 2; i + 1 < bytes->size(); i += 2) {
    const bool plain = (*bytes)[i + 1] == 0 && (*bytes)[i] >= 0x20 && (*bytes)[i] < 0x7f;
    text += plain ? static_cast<char>((*bytes)[i]) : '?';
  }
  co_return text;
}

int to_errno(const Error& error) {
  switch (error.code()) {
    case Code::kStalled:
      return -EPIPE;
    case Code::kTimeout:
      return -ETIMEDOUT;
    case Code::kUnplugged:
      return -ENODEV;
    default:
      return -EIO;
  }
}

Task<Result<ByteVector>> await_control(UsbPort& port, std::array<std::uint8_t, 8> setup,
                                       ByteVector data) {
  ControlUrb urb(port, setup, std::move(data));
  co_return co_await urb;
}

Task<Result<ByteVector>> read_configurations(UsbPort& port, std::uint8_t count) {
  ByteVector all;
  for (std::uint8_t i = 0; i < count; ++i) {
    const auto head =
        co_await get_descriptor(port, kConfigurationDescriptor, i, 0, kConfigurationDescriptorSize);
    if (!head) co_return head.error();
    if (head->size() < kConfigurationDescriptorSize) {
      co_return Error(Code::kInvalid, "configuration {} is {} bytes short", i, head->size());
    }
    const std::size_t size = static_cast<std::size_t>((*head)[2] | (*head)[3] << 8);
    const auto whole = co_await get_descriptor(port, kConfigurationDescriptor, i, 0, size);
    if (!whole) co_return whole.error();
    if (whole->size() != size) {
      co_return Error(Code::kInvalid, "configuration {}: {} of {} bytes", i, whole->size(), size);
    }
    all.insert(all.end(), whole->begin(), whole->end());
  }
  co_return all;
}

// Linux asks every device of USB 2.1 and later, and goes on whatever it gets.
Task<void> ask_for_bos(UsbPort& port, const ByteVector& device) {
  constexpr int kUsb21 = 0x0201;  // drivers/usb/core/hub.c asks from here on
  constexpr std::size_t kHeadSize = 5;
  if ((device[2] | device[3] << 8) < kUsb21) co_return;
  const auto head = co_await get_descriptor(port, kBosDescriptor, 0, 0, kHeadSize);
  if (!head || head->size() < kHeadSize) co_return;
  const std::size_t size = static_cast<std::size_t>((*head)[2] | (*head)[3] << 8);
  (void)co_await get_descriptor(port, kBosDescriptor, 0, 0, size);
}

Task<Result<Identity>> identify_once(UsbPort& port, std::uint8_t address) {
  port.bus_reset();
  const auto set_address = make_setup(0, kSetAddress, address, 0, 0);
  const auto addressed = co_await control_transfer(port, set_address, {});
  if (!addressed) co_return Error(addressed.error()).with_context("SET_ADDRESS");

  Identity identity;
  auto device = co_await get_descriptor(port, kDeviceDescriptor, 0, 0, kDeviceDescriptorSize);
  if (!device) co_return std::move(device).error().with_context("device descriptor");
  if (device->size() != kDeviceDescriptorSize) {
    co_return Error(Code::kInvalid, "the device descriptor has {} bytes", device->size());
  }
  identity.device = *std::move(device);
  co_await ask_for_bos(port, identity.device);
  auto configurations = co_await read_configurations(port, identity.device[17]);
  if (!configurations) co_return std::move(configurations).error();
  identity.configurations = *std::move(configurations);

  const auto languages = co_await get_descriptor(port, kStringDescriptor, 0, 0, 255);
  if (languages && languages->size() >= 4) {
    const auto language = static_cast<std::uint16_t>((*languages)[2] | (*languages)[3] << 8);
    identity.manufacturer = co_await get_string(port, identity.device[14], language);
    identity.product = co_await get_string(port, identity.device[15], language);
    identity.serial = co_await get_string(port, identity.device[16], language);
  }
  co_return identity;
}

}  // namespace

Task<Result<ByteVector>> control_transfer(UsbPort& port, std::array<std::uint8_t, 8> setup,
                                          ByteVector data) {
  co_return co_await with_timeout(kControlTimeout, await_control(port, setup, std::move(data)));
}

Task<Result<Identity>> identify(UsbPort& port, std::uint8_t address) {
  auto identity = co_await identify_once(port, address);
  for (int tries = 1; tries < kInitTries && !identity && port.attached(); ++tries) {
    identity = co_await identify_once(port, address);
  }
  co_return identity;
}

Task<Status> configure(UsbDevice& device) {
  const ByteVector& configurations = device.identity_.configurations;
  if (configurations.size() < kConfigurationDescriptorSize) {
    co_return Error(Code::kInvalid, "the device has no configuration");
  }
  const int status = co_await device.set_configuration(configurations[5], nullptr);
  if (status != 0) co_return Error(Code::kIo, "SET_CONFIGURATION: errno {}", -status);
  co_return Status();
}

std::vector<InterfaceSetting> UsbDevice::settings() const {
  std::vector<InterfaceSetting> found;
  walk_configurations(
      identity_.configurations.data(), identity_.configurations.size(),
      [&](const InterfaceSetting& setting) {
        if (setting.configuration == configuration_) found.push_back(setting);
      },
      [](const EndpointPlace&) {});
  return found;
}

bool UsbDevice::has_setting(std::uint8_t interface, std::uint8_t alternate) const {
  return std::ranges::any_of(settings(), [&](const InterfaceSetting& setting) {
    return setting.interface == interface && setting.alternate == alternate;
  });
}

std::uint8_t UsbDevice::alternate(std::uint8_t interface) const {
  const auto at = alternates_.find(interface);
  return at == alternates_.end() ? std::uint8_t{0} : at->second;
}

std::uint16_t UsbDevice::packet_size(std::uint8_t endpoint) const {
  std::uint16_t size = 0;
  walk_configurations(
      identity_.configurations.data(), identity_.configurations.size(),
      [](const InterfaceSetting&) {},
      [&](const EndpointPlace& place) {
        if (place.address == endpoint && place.setting.configuration == configuration_ &&
            place.setting.alternate == alternate(place.setting.interface)) {
          size = place.packet_size;
        }
      });
  return size;
}

int UsbDevice::interface_of(std::uint8_t endpoint) const {
  int interface = -1;
  walk_configurations(
      identity_.configurations.data(), identity_.configurations.size(),
      [](const InterfaceSetting&) {},
      [&](const EndpointPlace& place) {
        if (place.address == endpoint && place.setting.configuration == configuration_) {
          interface = place.setting.interface;
        }
      });
  return interface;
}

int UsbDevice::claim(std::uint8_t interface, Owner owner) {
  if (!has_setting(interface, 0)) return -ENOENT;
  const auto [at, is_new] = owners_.emplace(interface, owner);
  return is_new || at->second == owner ? 0 : -EBUSY;
}

UsbDevice::Owner UsbDevice::owner(std::uint8_t interface) const {
  const auto at = owners_.find(interface);
  return at == owners_.end() ? nullptr : at->second;
}

Task<int> UsbDevice::release(std::uint8_t interface, Owner owner) {
  if (!has_setting(interface, 0)) co_return -ENOENT;
  const auto at = owners_.find(interface);
  if (at == owners_.end() || at->second != owner) co_return -EINVAL;
  // As when the kernel unbinds a driver: the next one finds the interface in its first setting.
  // The device's answer changes nothing.
  if (alternate(interface) != 0) {
    (void)co_await request(0x01, kSetInterface, 0, interface);
    alternates_.erase(interface);
  }
  owners_.erase(interface);
  co_return 0;
}

Task<void> UsbDevice::release_all(Owner owner) {
  std::vector<std::uint8_t> claimed;
  for (const auto& [interface, who] : owners_) {
    if (who == owner) claimed.push_back(interface);
  }
  for (const std::uint8_t interface : claimed) (void)co_await release(interface, owner);
}

Task<int> UsbDevice::set_interface(std::uint8_t interface, std::uint8_t alternate, Owner owner) {
  const int claimed = claim(interface, owner);
  if (claimed != 0) co_return claimed;
  if (!has_setting(interface, alternate)) co_return -EINVAL;
  int status = co_await request(0x01, kSetInterface, alternate, interface);
  // A device whose interface has one setting may refuse to be asked for it.
  if (status == -EPIPE && !has_setting(interface, 1)) status = 0;
  if (status == 0) alternates_[interface] = alternate;
  co_return status;
}

Task<int> UsbDevice::set_configuration(std::uint8_t configuration, Owner owner) {
  const bool others =
      std::ranges::any_of(owners_, [&](const auto& claimed) { return claimed.second != owner; });
  if (others) co_return -EBUSY;
  bool known = configuration == 0;
  const ByteVector& bytes = identity_.configurations;
  walk_configurations(
      bytes.data(), bytes.size(),
      [&](const InterfaceSetting& setting) { known |= setting.configuration == configuration; },
      [](const EndpointPlace&) {});
  if (!known) co_return -EINVAL;
  const int status = co_await request(0x00, kSetConfiguration, configuration, 0);
  if (status != 0) co_return status;
  if (configuration != configuration_) owners_.clear();
  configuration_ = configuration;
  alternates_.clear();
  co_return 0;
}

Task<int> UsbDevice::clear_halt(std::uint8_t endpoint, Owner owner) {
  const int interface = interface_of(endpoint);
  if (interface < 0 || packet_size(endpoint) == 0) co_return -ENOENT;
  const int claimed = claim(static_cast<std::uint8_t>(interface), owner);
  if (claimed != 0) co_return claimed;
  co_return co_await request(0x02, kClearFeature, 0, endpoint);
}

Task<int> UsbDevice::reset() {
  owners_.clear();
  alternates_.clear();
  const auto identity = co_await identify(port_, static_cast<std::uint8_t>(number_));
  if (!identity || *identity != identity_) co_return -ENODEV;
  co_return co_await request(0x00, kSetConfiguration, configuration_, 0);
}

Task<int> UsbDevice::request(std::uint8_t type, std::uint8_t request, std::uint16_t value,
                             std::uint16_t index) {
  const auto setup = make_setup(type, request, value, index, 0);
  const auto result = co_await control_transfer(port_, setup, {});
  co_return result ? 0 : to_errno(result.error());
}

}  // namespace gangd::rig
