#include "tests/rig/usbfs_shim/usbfs_file.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace gangd::rig {
namespace {

// What Linux 6.1 says for a device at an xHCI controller. Not among them: BULK_CONTINUATION.
constexpr std::uint32_t kCapabilities =
    USBDEVFS_CAP_ZERO_PACKET | USBDEVFS_CAP_NO_PACKET_SIZE_LIM | USBDEVFS_CAP_BULK_SCATTER_GATHER |
    USBDEVFS_CAP_REAP_AFTER_DISCONNECT | USBDEVFS_CAP_MMAP | USBDEVFS_CAP_DROP_PRIVILEGES |
    USBDEVFS_CAP_CONNINFO_EX | USBDEVFS_CAP_SUSPEND;
static_assert(kCapabilities == 0x1fd);

constexpr unsigned kInterfacesMax = 32;
constexpr std::uint32_t kLowSpeed = 1;

}  // namespace

UsbfsFile::~UsbfsFile() {
  if (socket_ >= 0) ::close(socket_);
  if (answers_ >= 0) ::close(answers_);
  for (Queue* queue : {&flying_, &done_}) {
    while (Request* request = queue->first) {
      queue->first = request->next;
      std::free(request);
    }
  }
  std::free(receiving_);
  std::free(descriptors_);
}

void UsbfsFile::drop() {
  if (--holders_ > 0) return;
  this->~UsbfsFile();
  std::free(this);
}

void UsbfsFile::close() {
  (void)call(Call::kClose, 0, 0);
  const Lock lock(mutex_);
  // What is in flight is the program's again; vrack gives back what a program leaves behind.
  for (const Queue* queue : {&flying_, &done_}) {
    for (const Request* at = queue->first; at != nullptr; at = at->next) give_back(at->memory);
  }
  if (receiving_ != nullptr) give_back(receiving_->memory);
  closed_ = gone_ = true;
  shutdown(socket_, SHUT_RDWR);
  shutdown(answers_, SHUT_RDWR);
}

int UsbfsFile::ioctl(unsigned long request, void* argument) {
  if (request == USBDEVFS_GET_CAPABILITIES) {
    *static_cast<std::uint32_t*>(argument) = kCapabilities;
    return 0;
  }
  if (access_ == O_RDONLY) return -EPERM;
  switch (request) {
    case USBDEVFS_SUBMITURB:
      return submit(static_cast<usbdevfs_urb*>(argument));
    case USBDEVFS_REAPURBNDELAY:
      return reap(static_cast<void**>(argument));
    case USBDEVFS_DISCARDURB:
      return discard(static_cast<const usbdevfs_urb*>(argument));
    case USBDEVFS_CLAIMINTERFACE:
      return claim(*static_cast<unsigned*>(argument));
    case USBDEVFS_RELEASEINTERFACE:
      return release(*static_cast<unsigned*>(argument));
    case USBDEVFS_SETINTERFACE:
      return set_interface(*static_cast<usbdevfs_setinterface*>(argument));
    case USBDEVFS_SETCONFIGURATION:
      return set_configuration(*static_cast<unsigned*>(argument));
    case USBDEVFS_CLEAR_HALT:
      return call(Call::kClearHalt, *static_cast<unsigned*>(argument), 0);
    case USBDEVFS_RESETEP:
      // Only the host's own data toggle, of which there is none here.
      return 0;
    case USBDEVFS_RESET:
      return reset();
    case USBDEVFS_GETDRIVER:
      return get_driver(*static_cast<usbdevfs_getdriver*>(argument));
    case USBDEVFS_DISCONNECT_CLAIM:
      return disconnect_and_claim(*static_cast<usbdevfs_disconnect_claim*>(argument));
    case USBDEVFS_IOCTL:
      return driver_ioctl(*static_cast<usbdevfs_ioctl*>(argument));
    case USBDEVFS_CONNECTINFO: {
      auto& info = *static_cast<usbdevfs_connectinfo*>(argument);
      info.devnum = device_;
      info.slow = speed_ == kLowSpeed;
      return 0;
    }
    case USBDEVFS_GET_SPEED:
      return static_cast<int>(speed_);
    case USBDEVFS_DROP_PRIVILEGES:
    case USBDEVFS_FORBID_SUSPEND:
    case USBDEVFS_ALLOW_SUSPEND:
      return 0;
  }
  // Its size is part of the number, and the program's choice.
  if ((request & ~static_cast<unsigned long>(IOCSIZE_MASK)) == USBDEVFS_CONNINFO_EX(0)) {
    return conninfo_ex(argument, _IOC_SIZE(request));
  }
  return -ENOTTY;
}

int UsbfsFile::claim(unsigned interface) {
  if (interface >= kInterfacesMax) return -EINVAL;
  std::uint32_t alternate = 0;
  const int status = call(Call::kClaim, interface, 0, &alternate);
  if (status == 0) {
    const Lock lock(mutex_);
    alternates_[interface] = static_cast<int>(alternate);
  }
  return status;
}

int UsbfsFile::release(unsigned interface) {
  if (interface >= kInterfacesMax) return -EINVAL;
  const int status = call(Call::kRelease, interface, 0);
  if (status == 0) {
    const Lock lock(mutex_);
    alternates_[interface] = kNotClaimed;
  }
  return status;
}

int UsbfsFile::set_interface(const usbdevfs_setinterface& wanted) {
  if (wanted.interface >= kInterfacesMax) return -EINVAL;
  const int status = call(Call::kSetInterface, wanted.interface, wanted.altsetting);
  if (status == 0) {
    const Lock lock(mutex_);
    alternates_[wanted.interface] = static_cast<int>(wanted.altsetting);
  }
  return status;
}

int UsbfsFile::set_configuration(unsigned configuration) {
  // -1 and 0 both mean none, as for the kernel.
  const std::uint32_t wanted = static_cast<int>(configuration) == -1 ? 0 : configuration;
  const int status = call(Call::kSetConfiguration, wanted, 0);
  if (status == 0) {
    const Lock lock(mutex_);
    for (int& alternate : alternates_) {
      if (alternate != kNotClaimed) alternate = wanted == configuration_ ? 0 : kNotClaimed;
    }
    configuration_ = wanted;
  }
  return status;
}

int UsbfsFile::reset() {
  const int status = call(Call::kReset, 0, 0);
  const Lock lock(mutex_);
  for (int& alternate : alternates_) alternate = kNotClaimed;
  return status;
}

int UsbfsFile::get_driver(usbdevfs_getdriver& driver) {
  const int status = call(Call::kGetDriver, driver.interface, 0);
  if (status == 0) std::strcpy(driver.driver, "usbfs");
  return status;
}

// No driver of the kernel is ever bound here, so this is a claim, unless the program says that a
// claim by usbfs itself is in its way.
int UsbfsFile::disconnect_and_claim(const usbdevfs_disconnect_claim& wanted) {
  const bool except = (wanted.flags & USBDEVFS_DISCONNECT_CLAIM_EXCEPT_DRIVER) != 0;
  const bool only = (wanted.flags & USBDEVFS_DISCONNECT_CLAIM_IF_DRIVER) != 0;
  const bool claimed = call(Call::kGetDriver, wanted.interface, 0) == 0;
  const bool names_usbfs = std::strncmp(wanted.driver, "usbfs", sizeof wanted.driver) == 0;
  if (claimed && ((except && names_usbfs) || (only && !names_usbfs))) return -EBUSY;
  return claim(wanted.interface);
}

int UsbfsFile::driver_ioctl(const usbdevfs_ioctl& wanted) {
  switch (static_cast<unsigned>(wanted.ioctl_code)) {
    case USBDEVFS_DISCONNECT:
      return -ENODATA;
    case USBDEVFS_CONNECT:
      return 0;
    default:
      return -ENOTTY;
  }
}

int UsbfsFile::conninfo_ex(void* argument, std::size_t size) const {
  usbdevfs_conninfo_ex info{};
  info.size = sizeof info;
  info.busnum = bus_;
  info.devnum = device_;
  info.speed = speed_;
  std::memcpy(argument, &info, size < sizeof info ? size : sizeof info);
  return 0;
}

// vrack answers calls one after another, in order with the URBs that were submitted before.
int UsbfsFile::call(Call call, std::uint32_t first, std::uint32_t second, std::uint32_t* value) {
  const Lock one_at_a_time(call_mutex_);
  Header header;
  header.command = kCall;
  header.call = {};
  header.call.call = static_cast<std::uint32_t>(call);
  header.call.arguments[0] = first;
  header.call.arguments[1] = second;
  {
    const Lock lock(mutex_);
    if (gone_) return -ENODEV;
    header.sequence = ++sequence_;
    const int sent = send(&header, sizeof header, nullptr, 0);
    if (sent != 0) return sent;
  }
  Header answer;
  ssize_t got;
  do {
    got = recv(answers_, &answer, sizeof answer, MSG_WAITALL);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof answer) return -ENODEV;
  if (value != nullptr) *value = answer.ret_call.value;
  return static_cast<int>(std::uint32_t{answer.ret_call.status});
}

}  // namespace gangd::rig
