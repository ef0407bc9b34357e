// Which endpoints and interfaces a device has, read from its descriptors. Used by vrack, which
// keeps the claims, and by the usbfs library, which must refuse unknown endpoints at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gangd::rig {

constexpr std::uint8_t kDeviceDescriptor = 1;
constexpr std::uint8_t kConfigurationDescriptor = 2;
constexpr std::uint8_t kStringDescriptor = 3;
constexpr std::uint8_t kInterfaceDescriptor = 4;
constexpr std::uint8_t kEndpointDescriptor = 5;
constexpr std::uint8_t kBosDescriptor = 15;

constexpr std::size_t kDeviceDescriptorSize = 18;
constexpr std::size_t kConfigurationDescriptorSize = 9;

struct InterfaceSetting {
  std::uint8_t configuration, interface, alternate, endpoints;
  std::uint8_t interface_class, subclass, protocol;
};

struct EndpointPlace {
  InterfaceSetting setting;
  std::uint8_t address, attributes;
  std::uint16_t packet_size;
};

// Calls on_setting(InterfaceSetting) and on_endpoint(EndpointPlace) for each, in order. `bytes`
// holds configuration descriptors one after another; what is malformed ends the walk, as bytes of
// a device may be anything.
template <class OnSetting, class OnEndpoint>
void walk_configurations(const std::uint8_t* bytes, std::size_t size, OnSetting on_setting,
                         OnEndpoint on_endpoint) {
  std::uint8_t configuration = 0;
  InterfaceSetting setting{};
  while (size >= 2 && bytes[0] >= 2 && bytes[0] <= size) {
    const std::uint8_t length = bytes[0];
    if (bytes[1] == kConfigurationDescriptor && length >= kConfigurationDescriptorSize) {
      configuration = bytes[5];
    } else if (bytes[1] == kInterfaceDescriptor && length >= 9) {
      setting = {configuration, bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]};
      on_setting(setting);
    } else if (bytes[1] == kEndpointDescriptor && length >= 7) {
      const auto packet_size = static_cast<std::uint16_t>((bytes[4] | bytes[5] << 8) & 0x7ff);
      on_endpoint(EndpointPlace{setting, bytes[2], bytes[3], packet_size});
    }
    bytes += length;
    size -= length;
  }
}

}  // namespace gangd::rig
