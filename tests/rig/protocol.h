// What is spoken on vrack's socket: USB/IP (the kernel's Documentation/usb/usbip_protocol.rst), and
// a private extension for the usbfs library, which needs what a kernel keeps for all processes.
// Shared by both ends; plain bytes, all numbers big-endian, no padding.
//
// A connection begins with an OpHeader:
//   kReqDevlist, kReqImport   as in USB/IP. An imported device belongs to its importer, who drives
//                             it as a host controller does, from the bus reset on.
//   kReqOpen (extension)      opens /dev/bus/usb/BBB/DDD. Sends along two descriptors (SCM_RIGHTS):
//                               1. the read end of the pipe whose write end the program holds,
//                               2. a stream socket for the answers to calls.
//                             Answer: OpHeader (status: an errno), and on success OpenReply, the
//                             descriptors of the device, and one descriptor: UsbfsMemory to map.
// then both kinds carry Headers:
//   kSubmit, kUnlink          as in USB/IP. For a file of usbfs an unlinked URB ends like any
//   other,
//                             with kRetSubmit (status -ENOENT, and what had been transferred), and
//                             there is no kRetUnlink: that is how usbfs gives it back.
//   kCall (extension)         one of Call; in order with submits. Its kRetCall comes on the
//                             second descriptor, so that it never waits behind data.
//
// After writing to an open file's connection vrack empties the pipe: its write end polls as
// writable when there may be something to reap. vrack ends a connection when the device has gone;
// what is in flight then is gone as well.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gangd::rig {

// A big-endian number without alignment.
template <class T>
class Big {
 public:
  Big() = default;
  Big(T value) {
    for (std::size_t i = sizeof(T); i-- > 0; value = static_cast<T>(value >> 8 * (sizeof(T) > 1))) {
      bytes_[i] = static_cast<std::uint8_t>(value);
    }
  }
  operator T() const {
    T value = 0;
    for (const std::uint8_t byte : bytes_) {
      value = static_cast<T>(static_cast<T>(value << 8 * (sizeof(T) > 1)) | byte);
    }
    return value;
  }

 private:
  std::array<std::uint8_t, sizeof(T)> bytes_{};
};

using Big16 = Big<std::uint16_t>;
using Big32 = Big<std::uint32_t>;

constexpr std::uint16_t kUsbipVersion = 0x0111;

constexpr std::uint16_t kReqDevlist = 0x8005;
constexpr std::uint16_t kRepDevlist = 0x0005;
constexpr std::uint16_t kReqImport = 0x8003;
constexpr std::uint16_t kRepImport = 0x0003;
constexpr std::uint16_t kReqOpen = 0x8f01;
constexpr std::uint16_t kRepOpen = 0x0f01;

struct OpHeader {
  Big16 version = kUsbipVersion;
  Big16 code;
  Big32 status;
};
static_assert(sizeof(OpHeader) == 8);

// Status of kRepImport.
constexpr std::uint32_t kStatusOk = 0;
constexpr std::uint32_t kStatusBusy = 2;
constexpr std::uint32_t kStatusNoDevice = 4;

using BusId = std::array<char, 32>;  // "1-1.3", filled up with zeros

struct DeviceRecord {
  std::array<char, 256> path{};
  BusId bus_id{};
  Big32 bus, device, speed;
  Big16 vendor, product, release;
  std::uint8_t device_class = 0, subclass = 0, protocol = 0;
  std::uint8_t configuration = 0, configurations = 0, interfaces = 0;
};
static_assert(sizeof(DeviceRecord) == 312);

struct InterfaceRecord {
  std::uint8_t interface_class = 0, subclass = 0, protocol = 0, padding = 0;
};

struct OpenRequest {
  Big32 bus, device;
};

struct OpenReply {
  Big32 slot;   // of UsbfsMemory::held
  Big32 speed;  // enum usb_device_speed, as in USB/IP and in USBDEVFS_GET_SPEED
  Big32 configuration;
  Big32 descriptors_size;
};

constexpr std::uint32_t kSubmit = 1;
constexpr std::uint32_t kUnlink = 2;
constexpr std::uint32_t kRetSubmit = 3;
constexpr std::uint32_t kRetUnlink = 4;
constexpr std::uint32_t kCall = 0x8f02;
constexpr std::uint32_t kRetCall = 0x0f02;

constexpr std::uint32_t kDirectionOut = 0;
constexpr std::uint32_t kDirectionIn = 1;

// Transfer flags: the kernel's, which usbfs and USB/IP share.
constexpr std::uint32_t kShortNotOk = 0x01;
constexpr std::uint32_t kZeroPacket = 0x40;

enum class Call : std::uint32_t {
  kClaim = 1,         // argument: interface. Value: its alternate setting.
  kRelease,           // argument: interface
  kSetInterface,      // arguments: interface, alternate setting
  kSetConfiguration,  // argument: bConfigurationValue, or 0
  kClearHalt,         // argument: endpoint address
  kReset,             // a bus reset; all claims end, as the kernel unbinds usbfs
  kGetDriver,         // argument: interface. -ENODATA: nobody has claimed it.
  kClose,             // all URBs and claims end: close() is over when they have
};

// What follows the first five words of a Header depends on `command`.
struct SubmitPart {
  Big32 flags, length, start_frame, packets, interval;
  std::array<std::uint8_t, 8> setup{};
};
struct RetSubmitPart {
  Big32 status, actual, start_frame, packets, errors;
  std::array<std::uint8_t, 8> padding{};
};
struct UnlinkPart {
  Big32 sequence;
  std::array<std::uint8_t, 24> padding{};
};
struct RetUnlinkPart {
  Big32 status;
  std::array<std::uint8_t, 24> padding{};
};
struct CallPart {
  Big32 call, arguments[2];
  std::array<std::uint8_t, 16> padding{};
};
struct RetCallPart {
  Big32 status, value;
  std::array<std::uint8_t, 20> padding{};
};

struct Header {
  Big32 command, sequence, device, direction, endpoint;
  union {
    SubmitPart submit;
    RetSubmitPart ret_submit;
    UnlinkPart unlink;
    RetUnlinkPart ret_unlink;
    CallPart call;
    RetCallPart ret_call;
  };

  Header() : submit() {}
};
static_assert(sizeof(Header) == 48);

// Longer transfers are refused by both ends: what usbfs may hold in all (usbcore.usbfs_memory_mb).
constexpr std::uint64_t kUsbfsMemory = std::uint64_t{16} << 20;

// The memory that all open files together have lent to usbfs. Mapped by vrack and by each program
// that opens a device, because a submit must be refused at once. `held` lets vrack give back what a
// program had that has died.
struct UsbfsMemory {
  static constexpr std::size_t kSlots = 1000;

  std::atomic<std::uint64_t> used;
  std::array<std::atomic<std::uint64_t>, kSlots> held;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace gangd::rig
