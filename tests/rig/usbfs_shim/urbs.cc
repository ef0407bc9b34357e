// Submitting, reaping and discarding URBs.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "tests/rig/usbfs_shim/usbfs_file.h"

namespace gangd::rig {
namespace {

// What Linux counts beside the data (drivers/usb/core/devio.c): its own two records for each URB,
// 360 bytes on amd64, and 32 bytes for each 16 KiB of a scatter list.
constexpr std::uint64_t kUrbRecords = 360;
constexpr std::uint64_t kScatterPart = 16384;
constexpr std::uint64_t kScatterRecord = 32;

constexpr int kBulk = 2, kInterrupt = 3;  // of bmAttributes

std::uint64_t memory_for(std::uint64_t length) {
  const std::uint64_t parts =
      length > kScatterPart ? (length + kScatterPart - 1) / kScatterPart : 0;
  return length + kUrbRecords + parts * kScatterRecord;
}

}  // namespace

std::size_t UsbfsFile::Request::size() const {
  const auto* const setup = static_cast<const std::uint8_t*>(urb->buffer);
  return is_control() ? static_cast<std::size_t>(setup[6] | setup[7] << 8)
                      : static_cast<std::size_t>(urb->buffer_length);
}

bool UsbfsFile::Request::is_in() const {
  const auto* const setup = static_cast<const std::uint8_t*>(urb->buffer);
  return ((is_control() ? setup[0] : urb->endpoint) & 0x80) != 0;
}

int UsbfsFile::submit(usbdevfs_urb* urb) {
  if (urb->buffer_length < 0 || (urb->buffer_length > 0 && urb->buffer == nullptr)) return -EINVAL;
  int status = -EINVAL;
  if (urb->type == USBDEVFS_URB_TYPE_CONTROL) {
    status = check_control(*urb);
  } else if (urb->type == USBDEVFS_URB_TYPE_BULK || urb->type == USBDEVFS_URB_TYPE_INTERRUPT) {
    const EndpointPlace* place = nullptr;
    status = check_endpoint(urb->endpoint, place);
    const int type = place != nullptr ? place->attributes & 3 : 0;
    // Bulk to an interrupt endpoint is taken as meant, as the kernel does; not the other way round.
    const bool fits = type == kInterrupt || (type == kBulk && urb->type == USBDEVFS_URB_TYPE_BULK);
    if (status == 0 && !fits) status = -EINVAL;
  }
  if (status != 0) return status;

  const Lock lock(mutex_);
  if (gone_) return -ENODEV;
  const std::uint64_t memory = memory_for(static_cast<std::uint64_t>(urb->buffer_length));
  if (!charge(memory)) return -ENOMEM;
  auto* const request = static_cast<Request*>(std::calloc(1, sizeof(Request)));
  if (request != nullptr) {
    request->urb = urb;
    request->memory = memory;
    request->sequence = ++sequence_;
    status = send_submit(*request);
  } else {
    status = -ENOMEM;
  }
  if (status == 0) {
    append(flying_, request);
  } else {
    give_back(memory);
    std::free(request);
  }
  return status;
}

int UsbfsFile::check_control(const usbdevfs_urb& urb) {
  if (urb.buffer_length < 8 || (urb.endpoint & 0x7f) != 0) return -EINVAL;
  const auto* const setup = static_cast<const std::uint8_t*>(urb.buffer);
  const int length = setup[6] | setup[7] << 8;
  if (urb.buffer_length < length + 8) return -EINVAL;
  // Who asks an interface or an endpoint something must have claimed it, except in vendor requests.
  constexpr std::uint8_t kVendorType = 0x40;
  if ((setup[0] & 0x60) == kVendorType) return 0;
  const EndpointPlace* place;
  switch (setup[0] & 0x1f) {
    case 1:
      return check_interface(setup[4]);
    case 2:
      return (setup[4] & 0x0f) == 0 ? 0 : check_endpoint(setup[4], place);
    default:
      return 0;
  }
}

// The endpoint must be one of the active settings. Its interface is claimed on the way.
int UsbfsFile::check_endpoint(unsigned char endpoint, const EndpointPlace*& place) {
  place = nullptr;
  const EndpointPlace* const end = endpoints_ + endpoint_count_;
  std::uint32_t configuration;
  {
    const Lock lock(mutex_);
    configuration = configuration_;
  }
  const auto matches = [&](const EndpointPlace& at) {
    return at.address == endpoint && at.setting.configuration == configuration;
  };
  const EndpointPlace* any = endpoints_;
  while (any != end && !matches(*any)) ++any;
  if (any == end) return -ENOENT;
  const int status = check_interface(any->setting.interface);
  if (status != 0) return status;
  const Lock lock(mutex_);
  for (const EndpointPlace* at = any; at != end; ++at) {
    if (matches(*at) && alternates_[at->setting.interface & 31] == at->setting.alternate) {
      place = at;
    }
  }
  return place != nullptr ? 0 : -ENOENT;
}

int UsbfsFile::check_interface(unsigned interface) {
  if (interface >= sizeof alternates_ / sizeof alternates_[0]) return -EINVAL;
  {
    const Lock lock(mutex_);
    if (gone_) return -ENODEV;
    if (alternates_[interface] != kNotClaimed) return 0;
  }
  return claim(interface);
}

int UsbfsFile::send_submit(Request& request) {
  const usbdevfs_urb& urb = *request.urb;
  Header header;
  header.command = kSubmit;
  header.sequence = request.sequence;
  header.device = bus_ << 16 | device_;
  header.direction = request.is_in() ? kDirectionIn : kDirectionOut;
  header.endpoint = urb.endpoint & 0x7f;
  header.submit.flags = urb.flags;
  header.submit.length = static_cast<std::uint32_t>(request.size());
  if (request.is_control()) {
    const auto* const setup = static_cast<const std::uint8_t*>(urb.buffer);
    for (std::size_t i = 0; i < 8; ++i) header.submit.setup[i] = setup[i];
  }
  return send(&header, sizeof header, request.data(), request.is_in() ? 0 : request.size());
}

int UsbfsFile::discard(const usbdevfs_urb* urb) {
  const Lock lock(mutex_);
  if (gone_) return -ENODEV;
  const Request* request = flying_.first;
  while (request != nullptr && request->urb != urb) request = request->next;
  if (request == nullptr) return -EINVAL;
  Header header;
  header.command = kUnlink;
  header.sequence = ++sequence_;
  header.unlink = {};
  header.unlink.sequence = request->sequence;
  return send(&header, sizeof header, nullptr, 0);
}

int UsbfsFile::reap(void** urb) {
  const Lock lock(mutex_);
  for (;;) {
    if (done_.first == nullptr) pump();
    if (Request* const request = done_.first) {
      done_.first = request->next;
      if (done_.first == nullptr) done_.last = &done_.first;
      request->urb->status = request->status;
      request->urb->actual_length = request->actual;
      *urb = request->urb;
      give_back(request->memory);
      std::free(request);
      return 0;
    }
    if (gone_) return -ENODEV;
    lower_ready();
    drained_ = false;
    // Something may have come, and the pipe been emptied for it, before it was filled again.
    if (!can_receive()) return -EAGAIN;
    raise_ready();
  }
}

bool UsbfsFile::charge(std::uint64_t size) {
  if (memory_->used.fetch_add(size) + size > kUsbfsMemory) {
    memory_->used -= size;
    return false;
  }
  memory_->held[slot_] += size;
  return true;
}

void UsbfsFile::give_back(std::uint64_t size) {
  memory_->held[slot_] -= size;
  memory_->used -= size;
}

// Takes what has come, up to the next URB that is complete.
void UsbfsFile::pump() {
  while (!gone_ && done_.first == nullptr) {
    if (!receive(&header_, sizeof header_, header_got_)) return;
    if (receiving_ == nullptr) {
      receiving_ = header_.command == kRetSubmit ? take(header_.sequence) : nullptr;
      if (receiving_ == nullptr) return lose();
      const std::uint32_t actual = header_.ret_submit.actual;
      receiving_->status = static_cast<int>(std::uint32_t{header_.ret_submit.status});
      receiving_->actual = static_cast<int>(actual);
      data_got_ = 0;
      if (actual > receiving_->size()) return lose();
    }
    const std::size_t size = receiving_->is_in() ? static_cast<std::size_t>(receiving_->actual) : 0;
    if (!receive(receiving_->data(), size, data_got_)) return;
    append(done_, receiving_);
    receiving_ = nullptr;
    header_got_ = 0;
  }
}

// False: not all of it is there yet, or ever will be.
bool UsbfsFile::receive(void* space, std::size_t size, std::size_t& got) {
  while (got < size) {
    const ssize_t more = receive_some(static_cast<char*>(space) + got, size - got);
    if (more > 0) {
      got += static_cast<std::size_t>(more);
    } else if (more == 0 || (errno != EAGAIN && errno != EINTR)) {
      lose();
      return false;
    } else if (errno == EAGAIN) {
      return false;
    }
  }
  return true;
}

// As recv(). What is long goes to its place at once.
ssize_t UsbfsFile::receive_some(void* space, std::size_t size) {
  if (inbox_at_ == inbox_size_) {
    if (drained_) {
      errno = EAGAIN;
      return -1;
    }
    const bool is_long = size >= sizeof inbox_;
    const std::size_t room = is_long ? size : sizeof inbox_;
    // Not recv(): umockdev's has nothing to say about this socket.
    const ssize_t got = syscall(SYS_recvfrom, socket_, is_long ? space : inbox_, room, MSG_DONTWAIT,
                                nullptr, nullptr);
    if (got > 0) drained_ = static_cast<std::size_t>(got) < room;
    if (got <= 0 || is_long) return got;
    inbox_at_ = 0;
    inbox_size_ = static_cast<std::size_t>(got);
  }
  const std::size_t left = inbox_size_ - inbox_at_;
  const std::size_t some = size < left ? size : left;
  std::memcpy(space, inbox_ + inbox_at_, some);
  inbox_at_ += some;
  return static_cast<ssize_t>(some);
}

// The device has gone, and what was in flight with it.
void UsbfsFile::lose() {
  gone_ = true;
  if (receiving_ != nullptr) {
    receiving_->next = flying_.first;
    flying_.first = receiving_;
    receiving_ = nullptr;
  }
  while (Request* const request = flying_.first) {
    flying_.first = request->next;
    request->status = -ESHUTDOWN;
    request->actual = 0;
    append(done_, request);
  }
  flying_.last = &flying_.first;
}

UsbfsFile::Request* UsbfsFile::take(std::uint32_t sequence) {
  for (Request** at = &flying_.first; *at != nullptr; at = &(*at)->next) {
    Request* const request = *at;
    if (request->sequence != sequence) continue;
    *at = request->next;
    if (*at == nullptr) flying_.last = at;
    return request;
  }
  return nullptr;
}

void UsbfsFile::append(Queue& queue, Request* request) {
  request->next = nullptr;
  *queue.last = request;
  queue.last = &request->next;
}

// Fills the pipe: nothing to reap.
void UsbfsFile::lower_ready() {
  if (closed_) return;
  static const char page[4096] = {};
  // When vrack has closed the other end, that must be no SIGPIPE for the program.
  sigset_t pipe_only, before, pending;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
  // One that was not blocked cannot have waited.
  sigemptyset(&pending);
  if (sigismember(&before, SIGPIPE) != 0) sigpending(&pending);
  // Not write(): umockdev's would take a lock around it.
  if (syscall(SYS_write, handle_, page, sizeof page) < 0 && errno == EPIPE &&
      sigismember(&pending, SIGPIPE) == 0) {
    const timespec at_once{};
    (void)sigtimedwait(&pipe_only, nullptr, &at_once);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Empties the pipe, though its read end is with vrack: by a second one, for a moment.
void UsbfsFile::raise_ready() {
  char path[32], page[4096];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", handle_);
  // Not open(): a mock of /proc must not see it.
  const auto end =
      static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0));
  if (end < 0) return;
  (void)!::read(end, page, sizeof page);
  ::close(end);
}

bool UsbfsFile::can_receive() const {
  pollfd look{socket_, POLLIN, 0};
  return poll(&look, 1, 0) == 1;
}

// Waits for room; vrack always reads, and never waits for this program.
int UsbfsFile::send(const void* head, std::size_t head_size, const void* body,
                    std::size_t body_size) {
  iovec parts[] = {{const_cast<void*>(head), head_size}, {const_cast<void*>(body), body_size}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  std::size_t left = head_size + body_size;
  while (left > 0) {
    const ssize_t sent = sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return -ENODEV;
    left -= static_cast<std::size_t>(sent);
    auto done = static_cast<std::size_t>(sent);
    for (iovec& part : parts) {
      const std::size_t step = done < part.iov_len ? done : part.iov_len;
      part.iov_base = static_cast<char*>(part.iov_base) + step;
      part.iov_len -= step;
      done -= step;
    }
  }
  return 0;
}

}  // namespace gangd::rig
