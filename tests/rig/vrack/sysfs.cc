#include "tests/rig/vrack/sysfs.h"

#include <fmt/core.h>
#include <umockdev.h>

#include <map>
#include <utility>

#include "base/check.h"

namespace gangd::rig {
namespace {

constexpr int kUsbMajor = 189;

// The text that umockdev reads: one record for each device.
class Record {
 public:
  explicit Record(std::string_view path) : text_(fmt::format("P: {}\n", path)) {}

  Record& node(std::string_view path) { return line("N", path); }
  Record& property(std::string_view name, std::string_view value) {
    return line("E", fmt::format("{}={}", name, value));
  }
  Record& attribute(std::string_view name, std::string_view value) {
    std::string escaped;
    for (const char character : value) {
      if (character == '\\') escaped += '\\';
      escaped += character;
    }
    return line("A", fmt::format("{}={}\\n", name, escaped));
  }
  Record& link(std::string_view name, std::string_view target) {
    return line("L", fmt::format("{}={}", name, target));
  }
  Record& binary(std::string_view name, ByteView bytes) {
    return line("H", fmt::format("{}={}", name, to_hex(bytes)));
  }
  std::string text() const { return text_ + "\n"; }

 private:
  Record& line(std::string_view kind, std::string_view rest) {
    text_ += fmt::format("{}: {}\n", kind, rest);
    return *this;
  }

  std::string text_;
};

// "/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.3"; each bus has a controller of its own.
std::string sysfs_path(std::string_view name) {
  if (name.starts_with("usb")) {
    return fmt::format("/devices/pci0000:00/0000:00:{:02x}.0/{}", 0x13 + bus_of(name), name);
  }
  return fmt::format("{}/{}", sysfs_path(parent_of(name)), name);
}

// What `devpath` says: "0" for a root hub, "1.3" for 1-1.3.
std::string_view devpath(std::string_view name) {
  return name.starts_with("usb") ? "0" : name.substr(name.find('-') + 1);
}

struct Described {
  std::string name;
  std::uint32_t bus = 0, number = 0;
  bool high_speed = true;
  int ports = 0;  // of a hub
  std::uint8_t configuration = 1;
  Identity identity;
  std::vector<InterfaceSetting> settings;  // the active ones
};

std::string device_record(const Described& device) {
  const Identity& identity = device.identity;
  const ByteVector& bytes = identity.device;
  ByteVector descriptors = bytes;
  descriptors.insert(descriptors.end(), identity.configurations.begin(),
                     identity.configurations.end());
  const std::uint32_t minor = (device.bus - 1) * 128 + device.number - 1;
  const std::string node = fmt::format("bus/usb/{:03}/{:03}", device.bus, device.number);

  Record record(sysfs_path(device.name));
  record.node(node)
      .property("SUBSYSTEM", "usb")
      .property("DEVTYPE", "usb_device")
      .property("DRIVER", "usb")
      .property("DEVNAME", "/dev/" + node)
      .property("MAJOR", std::to_string(kUsbMajor))
      .property("MINOR", std::to_string(minor))
      .property("BUSNUM", fmt::format("{:03}", device.bus))
      .property("DEVNUM", fmt::format("{:03}", device.number))
      .property("PRODUCT", fmt::format("{:x}/{:x}/{:x}", identity.vendor(), identity.product_id(),
                                       identity.release()))
      .property("TYPE", fmt::format("{}/{}/{}", bytes[4], bytes[5], bytes[6]))
      // What udev's hwdb and rules add on a machine, and tools look for.
      .property("ID_BUS", "usb")
      .property("ID_VENDOR_ID", fmt::format("{:04x}", identity.vendor()))
      .property("ID_MODEL_ID", fmt::format("{:04x}", identity.product_id()))
      .property("ID_SERIAL_SHORT", identity.serial);
  record.attribute("busnum", std::to_string(device.bus))
      .attribute("devnum", std::to_string(device.number))
      .attribute("dev", fmt::format("{}:{}", kUsbMajor, minor))
      .attribute("devpath", devpath(device.name))
      .attribute("speed", device.high_speed ? "480" : "12")
      .attribute("rx_lanes", "1")
      .attribute("tx_lanes", "1")
      .attribute("version", fmt::format("{:2x}.{:02x}", bytes[3], bytes[2]))
      .attribute("maxchild", std::to_string(device.ports))
      .attribute("idVendor", fmt::format("{:04x}", identity.vendor()))
      .attribute("idProduct", fmt::format("{:04x}", identity.product_id()))
      .attribute("bcdDevice", fmt::format("{:04x}", identity.release()))
      .attribute("bDeviceClass", fmt::format("{:02x}", bytes[4]))
      .attribute("bDeviceSubClass", fmt::format("{:02x}", bytes[5]))
      .attribute("bDeviceProtocol", fmt::format("{:02x}", bytes[6]))
      .attribute("bMaxPacketSize0", std::to_string(bytes[7]))
      .attribute("bNumConfigurations", std::to_string(bytes[17]))
      .attribute("bConfigurationValue", std::to_string(device.configuration))
      .attribute("bNumInterfaces", fmt::format("{:2}", device.settings.size()))
      .attribute("bmAttributes", fmt::format("{:02x}", identity.configurations[7]))
      .attribute("bMaxPower", fmt::format("{}mA", 2 * identity.configurations[8]))
      .attribute("authorized", "1")
      .attribute("removable", "unknown")
      .attribute("configuration", "")
      .attribute("manufacturer", identity.manufacturer)
      .attribute("product", identity.product);
  if (!identity.serial.empty()) record.attribute("serial", identity.serial);
  record.binary("descriptors", descriptors);
  return record.text();
}

std::string interface_path(const Described& device, const InterfaceSetting& setting) {
  const bool is_root = device.name.starts_with("usb");
  const std::string prefix = is_root ? fmt::format("{}-0", device.bus) : device.name;
  return fmt::format("{}/{}:{}.{}", sysfs_path(device.name), prefix, device.configuration,
                     setting.interface);
}

std::string interface_record(const Described& device, const InterfaceSetting& setting) {
  Record record(interface_path(device, setting));
  record.property("SUBSYSTEM", "usb")
      .property("DEVTYPE", "usb_interface")
      .property("INTERFACE", fmt::format("{}/{}/{}", setting.interface_class, setting.subclass,
                                         setting.protocol))
      .attribute("bInterfaceNumber", fmt::format("{:02x}", setting.interface))
      .attribute("bAlternateSetting", fmt::format("{:2}", setting.alternate))
      .attribute("bNumEndpoints", fmt::format("{:02x}", setting.endpoints))
      .attribute("bInterfaceClass", fmt::format("{:02x}", setting.interface_class))
      .attribute("bInterfaceSubClass", fmt::format("{:02x}", setting.subclass))
      .attribute("bInterfaceProtocol", fmt::format("{:02x}", setting.protocol));
  // How far it is to /sys does not matter: tools look at the last part of the link only.
  if (device.ports > 0) record.link("driver", "../../../bus/usb/drivers/hub");
  return record.text();
}

// A hub as Linux shows it: the root hub's identity is Linux's own, the others' a common 2.0 hub's.
Described describe_hub(const Hub& hub, std::uint32_t number) {
  const bool is_root = hub.name.starts_with("usb");
  Described device;
  device.name = hub.name;
  device.bus = hub.bus;
  device.number = number;
  device.ports = hub.ports;
  const std::uint8_t vendor[] = {0x6b, 0x1d}, other_vendor[] = {0xe3, 0x05};
  const std::uint8_t product[] = {0x02, 0x00}, other_product[] = {0x10, 0x06};
  const auto* const v = is_root ? vendor : other_vendor;
  const auto* const p = is_root ? product : other_product;
  device.identity.device = {18, 1, 0, 2, 9, 0, 1, 64, v[0], v[1], p[0], p[1], 1, 6, 1, 2, 0, 1};
  device.identity.configurations = {9, 2, 25, 0, 1, 1, 0, 0xe0, 0, 9, 4, 0, 0,
                                    1, 9, 0,  0, 0, 7, 5, 0x81, 3, 1, 0, 12};
  device.identity.manufacturer = is_root ? "Linux xhci-hcd" : "GenesysLogic";
  device.identity.product = is_root ? "xHCI Host Controller" : "USB2.1 Hub";
  device.settings = {InterfaceSetting{1, 0, 0, 1, 9, 0, 0}};
  return device;
}

Described describe(const UsbDevice& device) {
  Described described;
  described.name = device.name();
  described.bus = device.bus();
  described.number = device.number();
  described.high_speed = device.speed() == 3;
  described.configuration = device.configuration();
  described.identity = device.identity();
  for (const InterfaceSetting& setting : device.settings()) {
    if (setting.alternate == device.alternate(setting.interface)) {
      described.settings.push_back(setting);
    }
  }
  return described;
}

}  // namespace

class Sysfs::Testbed {
 public:
  Testbed() : testbed_(umockdev_testbed_new()) {}
  ~Testbed() { g_object_unref(testbed_); }
  Testbed(const Testbed&) = delete;
  Testbed& operator=(const Testbed&) = delete;

  void add(const Described& device) {
    std::string text = device_record(device);
    std::vector<std::string>& paths = paths_[device.name];
    for (const InterfaceSetting& setting : device.settings) {
      text += interface_record(device, setting);
      paths.push_back(interface_path(device, setting));
    }
    paths.push_back(sysfs_path(device.name));
    GError* error = nullptr;
    umockdev_testbed_add_from_string(testbed_, text.c_str(), &error);
    CHECK(error == nullptr, "umockdev: {}", error->message);
  }

  // Interfaces before their device, as the kernel does; umockdev forgets no child by itself.
  void remove(const std::string& name) {
    for (const std::string& path : std::exchange(paths_[name], {})) {
      const std::string at = "/sys" + path;
      umockdev_testbed_uevent(testbed_, at.c_str(), "remove");
      umockdev_testbed_remove_device(testbed_, at.c_str());
    }
  }

  std::string directory() const {
    gchar* const root = umockdev_testbed_get_root_dir(testbed_);
    std::string directory = root;
    g_free(root);
    return directory;
  }

 private:
  UMockdevTestbed* const testbed_;
  std::map<std::string, std::vector<std::string>> paths_;  // by the device's name
};

Result<std::unique_ptr<Sysfs>> Sysfs::open(const Topology& topology) {
  auto testbed = std::make_unique<Testbed>();
  // Tells whether the preload library is there: it sees the testbed's directory as the root.
  if (!umockdev_in_mock_environment()) {
    return Error(Code::kUnsupported,
                 "start vrack with LD_PRELOAD=libumockdev-preload.so.0, or without --sysfs");
  }
  std::map<std::uint32_t, std::uint32_t> numbers;
  for (const Hub& hub : topology.hubs) testbed->add(describe_hub(hub, ++numbers[hub.bus]));
  return std::unique_ptr<Sysfs>(new Sysfs(std::move(testbed)));
}

Sysfs::Sysfs(std::unique_ptr<Testbed> testbed) : testbed_(std::move(testbed)) {}
Sysfs::~Sysfs() = default;

std::string Sysfs::directory() const {
  return testbed_->directory();
}

void Sysfs::add(const UsbDevice& device) {
  testbed_->add(describe(device));
}

void Sysfs::remove(const UsbDevice& device) {
  testbed_->remove(device.name());
}

}  // namespace gangd::rig
