#include "usb/libusb_bus.h"

#include <fmt/format.h>
#include <libusb-1.0/libusb.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "loop/deadline.h"
#include "loop/offload.h"
#include "loop/signal.h"
#include "loop/sleep.h"
#include "usb/libusb_connection.h"

namespace gangd {
namespace {

constexpr Duration kReconcileEvery = std::chrono::seconds(1);

// Opening, claiming and resetting wait for the kernel, a reset for the device's connect debounce of
// some 100 ms: enough threads that a tray of boards does not queue up, few beside 64 boards.
constexpr int kWorkers = 8;

constexpr std::uint8_t kHubClass = 9;
constexpr std::uint8_t kClassRequestToPort = 0x23;
constexpr std::uint8_t kClearFeature = 1;
constexpr std::uint8_t kSetFeature = 3;
constexpr std::uint16_t kPortPower = 8;

// Owned by the list of what is plugged in and by an open() that is under way.
using DeviceRef = std::shared_ptr<libusb_device>;

DeviceRef keep(libusb_device* device) {
  return DeviceRef(libusb_ref_device(device), libusb_unref_device);
}

UsbSpeed speed_of(libusb_device* device) {
  switch (libusb_get_device_speed(device)) {
    case LIBUSB_SPEED_LOW:
      return UsbSpeed::kLow;
    case LIBUSB_SPEED_FULL:
      return UsbSpeed::kFull;
    case LIBUSB_SPEED_HIGH:
      return UsbSpeed::kHigh;
    case LIBUSB_SPEED_SUPER:
    case LIBUSB_SPEED_SUPER_PLUS:
      return UsbSpeed::kSuper;
    default:
      return UsbSpeed::kUnknown;
  }
}

// Bus numbers change from boot to boot, so a bus is named after where its controller sits: the
// folder above /sys/.../usbN. One controller has a USB 2 and a USB 3 bus, whose ports are counted
// apart.
std::string controller_of(int bus, UsbSpeed root_speed) {
  std::error_code error;
  const auto root =
      std::filesystem::canonical(fmt::format("/sys/bus/usb/devices/usb{}", bus), error);
  const std::string name =
      error ? fmt::format("bus{}", bus) : root.parent_path().filename().string();
  return root_speed == UsbSpeed::kSuper ? name + "-usb3" : name;
}

std::uint8_t hub_ports_of(int bus, const std::vector<std::uint8_t>& ports) {
  const std::string name =
      ports.empty() ? fmt::format("usb{}", bus) : fmt::format("{}-{}", bus, fmt::join(ports, "."));
  std::ifstream file("/sys/bus/usb/devices/" + name + "/maxchild");
  unsigned count = 0;
  return file >> count && count < 256 ? static_cast<std::uint8_t>(count) : 0;
}

// In bytes; 0: without a limit. Linux says so, or is older than the parameter and lends 16 MiB.
std::uint64_t kernel_lends() {
  std::ifstream file("/sys/module/usbcore/parameters/usbfs_memory_mb");
  std::uint64_t mib = 0;
  return (file >> mib ? mib : 16) << 20;
}

struct Seen {
  DeviceRef ref;
  UsbDevice device;
};

// Everything that libusb lists. Reads sysfs, so it runs on a worker.
Result<std::vector<Seen>> look(libusb_context* context) {
  libusb_device** list = nullptr;
  const ssize_t count = libusb_get_device_list(context, &list);
  if (count < 0) return libusb_failure(static_cast<int>(count), "device list");
  std::vector<Seen> all;
  std::map<int, UsbSpeed> root_speeds;
  for (ssize_t i = 0; i < count; ++i) {
    libusb_device_descriptor descriptor;
    if (libusb_get_device_descriptor(list[i], &descriptor) != LIBUSB_SUCCESS) continue;
    std::uint8_t ports[7];
    const int depth = libusb_get_port_numbers(list[i], ports, sizeof ports);
    if (depth < 0) continue;
    const int bus = libusb_get_bus_number(list[i]);
    Seen seen{keep(list[i]), {}};
    seen.device.path.ports.assign(ports, ports + depth);
    seen.device.vendor = descriptor.idVendor;
    seen.device.product = descriptor.idProduct;
    seen.device.release = descriptor.bcdDevice;
    seen.device.speed = speed_of(list[i]);
    seen.device.is_hub = descriptor.bDeviceClass == kHubClass;
    if (seen.device.is_hub) seen.device.hub_ports = hub_ports_of(bus, seen.device.path.ports);
    if (depth == 0) root_speeds[bus] = seen.device.speed;
    all.push_back(std::move(seen));
  }
  libusb_free_device_list(list, 1);
  for (Seen& seen : all) {
    const int bus = libusb_get_bus_number(seen.ref.get());
    seen.device.path.controller = controller_of(bus, root_speeds[bus]);
  }
  std::sort(all.begin(), all.end(),
            [](const Seen& a, const Seen& b) { return a.device.path < b.device.path; });
  return all;
}

}  // namespace

class LibusbBus::Libusb {
 public:
  Libusb(Loop& loop, EpollPort& port)
      : loop_(loop),
        port_(port),
        budget_(kernel_lends()),
        workers_(port.start_workers("usb", kWorkers)),
        tasks_(loop, "usb") {}

  ~Libusb() {
    if (context_ == nullptr) return;
    watches_.clear();
    seen_.clear();
    libusb_exit(context_);
  }

  Status start() {
    if (const int code = libusb_init(&context_); code != LIBUSB_SUCCESS) {
      context_ = nullptr;
      return Error(Code::kIo, "libusb cannot start: {}", libusb_strerror(code));
    }
    libusb_set_pollfd_notifiers(context_, fd_added, fd_removed, this);
    const libusb_pollfd** fds = libusb_get_pollfds(context_);
    for (const libusb_pollfd** at = fds; at != nullptr && *at != nullptr; ++at) {
      fd_added((*at)->fd, (*at)->events, this);
    }
    libusb_free_pollfds(fds);
    if (libusb_has_capability(LIBUSB_CAP_HAS_HOTPLUG) != 0) {
      // Without it the look each second finds everything, only later.
      (void)libusb_hotplug_register_callback(
          context_, LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, 0,
          LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY, hotplug,
          this, nullptr);
    }
    follow_fds();
    tasks_.spawn("reconcile", reconcile());
    return {};
  }

  Task<> stop() {
    tasks_.cancel();
    co_await tasks_.join();
  }

  const std::vector<UsbDevice>& devices() const { return devices_; }
  std::uint64_t revision() const { return revision_; }

  Task<Status> changed(std::uint64_t seen) {
    while (revision_ == seen) CO_TRY_STATUS(co_await changes_.wait());
    co_return Status();
  }

  Task<Result<std::unique_ptr<UsbConnection>>> open(std::uint64_t arrival) {
    const auto at = std::find_if(seen_.begin(), seen_.end(), [arrival](const Seen& seen) {
      return seen.device.arrival == arrival;
    });
    if (at == seen_.end()) co_return Error(Code::kUnplugged, "it has been unplugged");
    const Seen seen = *at;
    const std::string what = seen.device.path.to_string();
    const DeviceRef ref = seen.ref;
    auto handle = co_await offload(*workers_, [ref, what]() -> Result<libusb_device_handle*> {
      libusb_device_handle* opened = nullptr;
      const int code = libusb_open(ref.get(), &opened);
      if (code != LIBUSB_SUCCESS) return libusb_failure(code, what);
      return opened;
    });
    if (!handle) co_return std::move(handle).error();
    follow_fds();
    auto connection = std::make_unique<LibusbConnection>(*handle, seen.device, *workers_, budget_);
    CO_TRY_STATUS((co_await connection->introduce()).with_context(what));
    co_return std::unique_ptr<UsbConnection>(std::move(connection));
  }

  Task<Status> set_port_power(UsbPath port, bool on) {
    if (port.ports.empty()) co_return Error(Code::kInvalid, "{} is no port", port.to_string());
    const std::string what = port.to_string();
    const std::uint16_t number = port.ports.back();
    port.ports.pop_back();
    const auto hub = std::find_if(devices_.begin(), devices_.end(), [&](const UsbDevice& device) {
      return device.path == port && device.is_hub;
    });
    if (hub == devices_.end()) co_return Error(Code::kNotFound, "{}: there is no such hub", what);
    CO_TRY(const auto connection, co_await open(hub->arrival));
    const std::uint8_t request = on ? kSetFeature : kClearFeature;
    Status status =
        co_await connection->control_out({kClassRequestToPort, request, kPortPower, number}, {});
    if (status.failed_with(Code::kStalled)) {
      co_return Error(Code::kUnsupported, "{}: this hub does not switch the power of a port", what);
    }
    co_return std::move(status).with_context(what);
  }

 private:
  struct FdChange {
    int fd;
    short events;
    bool added;
  };

  // One of libusb's descriptors. Whichever is ready, libusb looks at all of them.
  class FdWatch final : public EpollPort::Watch {
   public:
    FdWatch(Libusb& libusb, int fd, short events) : libusb_(libusb) {
      // EPOLLIN and EPOLLOUT have the values of POLLIN and POLLOUT.
      const Status status = libusb_.port_.watch(*this, fd, static_cast<std::uint32_t>(events));
      if (!status) libusb_.loop_.log(Severity::kError, "usb: {}", status.error().message());
    }
    ~FdWatch() override { libusb_.port_.unwatch(*this); }
    void on_loop() override { libusb_.handle_events(); }
    std::string_view event_name() const override { return "usb"; }

   private:
    Libusb& libusb_;
  };

  static int LIBUSB_CALL hotplug(libusb_context*, libusb_device*, libusb_hotplug_event,
                                 void* self) {
    static_cast<Libusb*>(self)->hint_.notify();
    return 0;
  }

  // On any thread: a worker that opens a device adds its descriptor.
  static void LIBUSB_CALL fd_added(int fd, short events, void* self) {
    static_cast<Libusb*>(self)->note({fd, events, true});
  }
  static void LIBUSB_CALL fd_removed(int fd, void* self) {
    static_cast<Libusb*>(self)->note({fd, 0, false});
  }
  void note(FdChange change) {
    const std::lock_guard lock(fd_changes_mutex_);
    fd_changes_.push_back(change);
  }

  // In the order of the changes: the number of a closed descriptor is soon that of another one.
  void follow_fds() {
    std::vector<FdChange> changes;
    {
      const std::lock_guard lock(fd_changes_mutex_);
      changes.swap(fd_changes_);
    }
    for (const FdChange& change : changes) {
      watches_.erase(change.fd);
      if (change.added) {
        watches_[change.fd] = std::make_unique<FdWatch>(*this, change.fd, change.events);
      }
    }
  }

  // May destroy the watch that called.
  void handle_events() {
    // Those that were found ready with the one that called have nothing to add.
    for (const auto& [fd, watch] : watches_) watch->unlink();
    timeval no_wait{};
    (void)libusb_handle_events_timeout_completed(context_, &no_wait, nullptr);
    follow_fds();
  }

  Task<> reconcile() {
    while (true) {
      auto seen = co_await offload(*workers_, [context = context_] { return look(context); });
      if (seen.failed_with(Code::kCancelled)) co_return;
      if (seen) {
        update(*std::move(seen));
      } else {
        loop_.log(Severity::kError, "usb: {}", seen.error().message());
      }
      const Status hinted =
          co_await with_timeout(kReconcileEvery, as_task([this] { return hint_.wait(); }));
      if (hinted.failed_with(Code::kCancelled)) co_return;
      follow_fds();
    }
  }

  void update(std::vector<Seen> now) {
    bool differs = now.size() != seen_.size();
    for (Seen& seen : now) {
      // libusb has one object for a device as long as somebody holds it, and we hold all.
      const auto before = std::find_if(seen_.begin(), seen_.end(),
                                       [&](const Seen& old) { return old.ref == seen.ref; });
      differs |= before == seen_.end();
      seen.device.arrival = before == seen_.end() ? ++arrivals_ : before->device.arrival;
    }
    seen_ = std::move(now);
    if (!differs) return;
    devices_.clear();
    for (const Seen& seen : seen_) devices_.push_back(seen.device);
    ++revision_;
    changes_.notify();
  }

  Loop& loop_;
  EpollPort& port_;
  TransferBudget budget_;
  libusb_context* context_ = nullptr;
  std::unique_ptr<Workers> workers_;
  std::map<int, std::unique_ptr<FdWatch>> watches_;
  std::vector<Seen> seen_;
  std::vector<UsbDevice> devices_;
  std::uint64_t arrivals_ = 0;
  std::uint64_t revision_ = 0;
  std::mutex fd_changes_mutex_;
  std::vector<FdChange> fd_changes_;  // guarded by it
  Signal hint_;
  Signal changes_;
  Scope tasks_;
};

Result<std::unique_ptr<LibusbBus>> LibusbBus::open(Loop& loop, EpollPort& port) {
  auto libusb = std::make_unique<Libusb>(loop, port);
  TRY_STATUS(libusb->start());
  return std::unique_ptr<LibusbBus>(new LibusbBus(std::move(libusb)));
}

LibusbBus::LibusbBus(std::unique_ptr<Libusb> libusb) : libusb_(std::move(libusb)) {}
LibusbBus::~LibusbBus() = default;

Task<> LibusbBus::stop() {
  return libusb_->stop();
}
const std::vector<UsbDevice>& LibusbBus::devices() const {
  return libusb_->devices();
}
std::uint64_t LibusbBus::revision() const {
  return libusb_->revision();
}
Task<Status> LibusbBus::changed(std::uint64_t seen) {
  return libusb_->changed(seen);
}
Task<Result<std::unique_ptr<UsbConnection>>> LibusbBus::open(std::uint64_t arrival) {
  return libusb_->open(arrival);
}
Task<Status> LibusbBus::set_port_power(UsbPath port, bool on) {
  return libusb_->set_port_power(std::move(port), on);
}

}  // namespace gangd
