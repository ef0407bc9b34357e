// How a UsbfsFile comes to be: connection, descriptors that go along, descriptors of the device.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tests/rig/usbfs_shim/usbfs_file.h"

namespace gangd::rig {
namespace {

constexpr int kPage = 4096;

// Once for the program: all files share it.
UsbfsMemory* map_memory(int descriptor) {
  static std::atomic<UsbfsMemory*> mapped = nullptr;
  if (mapped == nullptr) {
    void* const at =
        mmap(nullptr, sizeof(UsbfsMemory), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (at == MAP_FAILED) return nullptr;
    UsbfsMemory* none = nullptr;
    if (!mapped.compare_exchange_strong(none, static_cast<UsbfsMemory*>(at))) {
      munmap(at, sizeof(UsbfsMemory));
    }
  }
  return mapped;
}

bool receive_all(int fd, void* space, std::size_t size) {
  auto* at = static_cast<char*>(space);
  while (size > 0) {
    const ssize_t got = recv(fd, at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

UsbfsFile* UsbfsFile::open(const char* socket_path, std::uint32_t bus, std::uint32_t device,
                           int access, int& error) {
  void* const space = std::calloc(1, sizeof(UsbfsFile));
  if (space == nullptr) {
    error = ENOMEM;
    return nullptr;
  }
  auto* const file = new (space) UsbfsFile;
  file->access_ = access;
  file->bus_ = bus;
  file->device_ = device;
  int pipe_end = -1, answers_end = -1;
  error = file->connect(socket_path, pipe_end, answers_end);
  if (error == 0) error = file->ask_to_open(bus, device, pipe_end, answers_end);
  if (pipe_end >= 0) ::close(pipe_end);
  if (answers_end >= 0) ::close(answers_end);
  if (error == 0) {
    file->lower_ready();
    return file;
  }
  if (file->handle_ >= 0) ::close(file->handle_);
  file->drop();
  return nullptr;
}

int UsbfsFile::connect(const char* socket_path, int& pipe_end, int& answers_end) {
  int pipe_ends[2], answers_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) return errno;
  pipe_end = pipe_ends[0];
  handle_ = pipe_ends[1];
  fcntl(handle_, F_SETPIPE_SZ, kPage);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, answers_ends) != 0) return errno;
  answers_end = answers_ends[0];
  answers_ = answers_ends[1];
  socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return errno;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(socket_path) >= sizeof address.sun_path) return ENAMETOOLONG;
  std::strcpy(address.sun_path, socket_path);
  // No vrack, no devices.
  const auto* const to = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(socket_, to, sizeof address) == 0 ? 0 : ENODEV;
}

int UsbfsFile::ask_to_open(std::uint32_t bus, std::uint32_t device, int pipe_end, int answers_end) {
  struct {
    OpHeader header;
    OpenRequest request;
  } message;
  message.header.code = kReqOpen;
  message.header.status = 0;
  message.request = {bus, device};
  const int descriptors[] = {pipe_end, answers_end};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptors)] = {};
  iovec part{&message, sizeof message};
  msghdr envelope{};
  envelope.msg_iov = &part;
  envelope.msg_iovlen = 1;
  envelope.msg_control = control;
  envelope.msg_controllen = sizeof control;
  cmsghdr* const rights = CMSG_FIRSTHDR(&envelope);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(rights), descriptors, sizeof descriptors);
  if (sendmsg(socket_, &envelope, MSG_NOSIGNAL) != sizeof message) return ENODEV;

  OpenReply reply;
  const int error = receive_reply(memory_, reply);
  if (error != 0) return error;
  slot_ = reply.slot;
  speed_ = reply.speed;
  configuration_ = reply.configuration;
  for (int& alternate : alternates_) alternate = kNotClaimed;
  return read_descriptors(reply.descriptors_size);
}

int UsbfsFile::receive_reply(UsbfsMemory*& memory, OpenReply& reply) {
  OpHeader header;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part{&header, sizeof header};
  msghdr envelope{};
  envelope.msg_iov = &part;
  envelope.msg_iovlen = 1;
  envelope.msg_control = control;
  envelope.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = recvmsg(socket_, &envelope, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* const rights = CMSG_FIRSTHDR(&envelope);
  if (got == sizeof header && rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
    int descriptor;
    std::memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
    memory = map_memory(descriptor);
    ::close(descriptor);
  }
  if (got != sizeof header) return ENODEV;
  if (header.status != 0) return static_cast<int>(std::uint32_t{header.status});
  if (memory == nullptr) return ENOMEM;
  return receive_all(socket_, &reply, sizeof reply) ? 0 : ENODEV;
}

int UsbfsFile::read_descriptors(std::size_t size) {
  descriptors_ = static_cast<std::uint8_t*>(std::malloc(size));
  if (descriptors_ == nullptr) return ENOMEM;
  descriptors_size_ = size;
  if (!receive_all(socket_, descriptors_, size) || size < kDeviceDescriptorSize) return ENODEV;
  walk_configurations(
      descriptors_ + kDeviceDescriptorSize, size - kDeviceDescriptorSize,
      [](const InterfaceSetting&) {},
      [&](const EndpointPlace& place) {
        if (endpoint_count_ < kEndpointsMax) endpoints_[endpoint_count_++] = place;
      });
  return 0;
}

}  // namespace gangd::rig
