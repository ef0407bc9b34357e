#include "tests/rig/vrack/socket_stream.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace gangd::rig {
namespace {

constexpr std::size_t kDescriptorsMax = 4;

Error closed() {
  return Error(Code::kClosed, "the connection has ended");
}

}  // namespace

class SocketStream::Readable : public Leaf {
 public:
  explicit Readable(SocketStream& stream) : stream_(stream) {}

  Status await_resume() const {
    if (refused() || aborted_) return cancelled();
    return {};
  }
  void arrived() { resolve(); }

 private:
  bool start() override {
    if (stream_.is_closed()) return false;
    CHECK(stream_.reader_ == nullptr, "a stream has one reader");
    stream_.reader_ = this;
    stream_.update_interest();
    return true;
  }
  void abort() override {
    stream_.reader_ = nullptr;
    aborted_ = true;
    resolve();
  }

  SocketStream& stream_;
  bool aborted_ = false;
};

SocketStream::~SocketStream() {
  close();
  for (const int descriptor : descriptors_) ::close(descriptor);
}

void SocketStream::finish_writing() {
  if (fd_ >= 0) shutdown(fd_, SHUT_WR);
}

void SocketStream::close() {
  if (fd_ < 0) return;
  if (std::exchange(watched_, false)) port_.unwatch(*this);
  ::close(std::exchange(fd_, -1));
  if (reader_ != nullptr) std::exchange(reader_, nullptr)->arrived();
}

bool SocketStream::has_hung_up() const {
  pollfd look{.fd = fd_, .events = POLLRDHUP, .revents = 0};
  return fd_ < 0 || (poll(&look, 1, 0) == 1 && (look.revents & (POLLRDHUP | POLLHUP)) != 0);
}

Task<Status> SocketStream::read(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    if (is_closed()) co_return closed();
    const std::ptrdiff_t size = receive(bytes);
    if (size == 0) co_return closed();
    if (size > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(size));
      continue;
    }
    CO_TRY_STATUS(co_await Readable(*this));
  }
  co_return Status();
}

Task<Result<std::string>> SocketStream::read_line(std::size_t size_max) {
  std::string line;
  std::uint8_t byte = 0;
  for (;;) {
    // Byte by byte: lines are short and typed by tests.
    CO_TRY_STATUS(co_await read(std::span(&byte, 1)));
    if (byte == '\n') co_return line;
    if (line.size() == size_max) co_return Error(Code::kInvalid, "the line is too long");
    line += static_cast<char>(byte);
  }
}

std::ptrdiff_t SocketStream::receive(std::span<std::uint8_t> bytes) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))> control;
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(fd_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? -1 : 0;
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const std::size_t before = descriptors_.size();
    descriptors_.resize(before + count);
    std::memcpy(descriptors_.data() + before, CMSG_DATA(at), count * sizeof(int));
  }
  return size;
}

int SocketStream::take_descriptor() {
  if (descriptors_.empty()) return -1;
  const int descriptor = descriptors_.front();
  descriptors_.erase(descriptors_.begin());
  return descriptor;
}

void SocketStream::write(ByteView first, ByteView second) {
  if (is_closed()) return;
  queued_.insert(queued_.end(), first.begin(), first.end());
  queued_.insert(queued_.end(), second.begin(), second.end());
  flush();
  if (!queued_.empty()) update_interest();
}

Status SocketStream::write_with_descriptor(ByteView bytes, int descriptor) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  const ssize_t size = sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (size == static_cast<ssize_t>(bytes.size())) return {};
  return Error(Code::kIo, "sendmsg: {}", size < 0 ? std::strerror(errno) : "too short");
}

void SocketStream::flush() {
  bool some = false;
  while (sent_ < queued_.size()) {
    const ssize_t size =
        send(fd_, queued_.data() + sent_, queued_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    // A lost connection shows when it is read.
    if (size < 0 && errno != EAGAIN) sent_ = queued_.size();
    if (size < 0) break;
    sent_ += static_cast<std::size_t>(size);
    some = true;
  }
  if (sent_ == queued_.size()) {
    queued_.clear();
    sent_ = 0;
  }
  if (some && on_sent) on_sent();
}

void SocketStream::on_loop() {
  const std::uint32_t events = ready();
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) {
    if (reader_ != nullptr) {
      // The interest stays as it is: the reader is back before the next event, most often.
      std::exchange(reader_, nullptr)->arrived();
      return;
    }
  }
  update_interest();
}

// A descriptor without any interest is not watched at all: the kernel reports a hang-up always.
void SocketStream::update_interest() {
  if (is_closed()) return;
  const std::uint32_t wanted = (reader_ != nullptr ? static_cast<std::uint32_t>(EPOLLIN) : 0) |
                               (queued_.empty() ? 0 : static_cast<std::uint32_t>(EPOLLOUT));
  if (watched_ && wanted == interest_) return;
  interest_ = wanted;
  Status status;
  if (wanted == 0) {
    if (std::exchange(watched_, false)) port_.unwatch(*this);
  } else if (std::exchange(watched_, true)) {
    status = port_.change(*this, wanted);
  } else {
    status = port_.watch(*this, fd_, wanted);
  }
  CHECK(status, "{}", status.error().message());
}

}  // namespace gangd::rig
