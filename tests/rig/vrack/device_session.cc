#include "tests/rig/vrack/device_session.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "loop/deadline.h"

namespace gangd::rig {
namespace {

// Longer than a control transfer may take, which is the longest that leaving waits for.
constexpr Duration kLeaveTimeout = std::chrono::seconds(30);

std::uint8_t to_byte(std::uint32_t number) {
  return static_cast<std::uint8_t>(number);
}

}  // namespace

DeviceSession::DeviceSession(Rack::Place& place, SocketStream& stream, UrbTable::Unlinked answer,
                             int pipe, SocketStream* answers)
    : place_(place),
      device_(*place.device()),
      stream_(stream),
      pipe_(pipe),
      answers_(answers),
      urbs_(device_, stream, answer) {
  place_.attach_user(*this);
}

DeviceSession::~DeviceSession() {
  stream_.on_sent = nullptr;
  if (pipe_ >= 0) close(pipe_);
}

Task<void> DeviceSession::run() {
  // Not before: the program fills the pipe when it has what was sent to open the file.
  if (pipe_ >= 0) stream_.on_sent = [this] { drain_pipe(); };
  (void)co_await serve();
  (void)co_await shielded(kLeaveTimeout, leave());
  unlink();
  place_.user_left();
}

bool DeviceSession::has_hung_up() const {
  return stream_.has_hung_up();
}

// The other end reads what is in the socket, and then that it is the end.
void DeviceSession::device_gone() {
  stream_.close();
}

Task<Status> DeviceSession::serve() {
  for (;;) {
    Header header;
    CO_TRY_STATUS(co_await stream_.read({reinterpret_cast<std::uint8_t*>(&header), sizeof header}));
    CO_TRY_STATUS(co_await serve_one(header));
  }
}

Task<Status> DeviceSession::serve_one(const Header& header) {
  switch (header.command) {
    case kSubmit:
      co_return co_await urbs_.submit(header);
    case kUnlink:
      urbs_.unlink(header);
      co_return Status();
    case kCall:
      if (answers_ != nullptr) co_return co_await answer_call(header);
      break;
  }
  co_return Error(Code::kInvalid, "unknown command {}", std::uint32_t{header.command});
}

Task<Status> DeviceSession::answer_call(const Header& header) {
  std::uint32_t value = 0;
  const auto which = static_cast<Call>(std::uint32_t{header.call.call});
  const int status =
      co_await call(which, header.call.arguments[0], header.call.arguments[1], value);
  Header answer;
  answer.command = kRetCall;
  answer.sequence = header.sequence;
  answer.ret_call = {};
  answer.ret_call.status = static_cast<std::uint32_t>(status);
  answer.ret_call.value = value;
  answers_->write({reinterpret_cast<const std::uint8_t*>(&answer), sizeof answer});
  co_return Status();
}

Task<int> DeviceSession::call(Call call, std::uint32_t first, std::uint32_t second,
                              std::uint32_t& value) {
  switch (call) {
    case Call::kClaim:
      value = device_.alternate(to_byte(first));
      co_return co_await claim(to_byte(first));
    case Call::kRelease:
      unlink_interface(first);
      co_return co_await device_.release(to_byte(first), this);
    case Call::kSetInterface:
      unlink_interface(first);
      co_return co_await device_.set_interface(to_byte(first), to_byte(second), this);
    case Call::kSetConfiguration:
      co_return co_await device_.set_configuration(to_byte(first), this);
    case Call::kClearHalt:
      co_return co_await device_.clear_halt(to_byte(first), this);
    case Call::kGetDriver:
      co_return device_.owner(to_byte(first)) != nullptr ? 0 : -ENODATA;
    case Call::kClose:
      (void)co_await leave();
      co_return 0;
    case Call::kReset: {
      const int status = co_await device_.reset();
      if (status == -ENODEV) place_.reenumerate();
      co_return status;
    }
  }
  co_return -ENOTTY;
}

// A program that has ended has no claims any more when the next one begins, although vrack may not
// have noticed yet.
Task<int> DeviceSession::claim(std::uint8_t interface) {
  for (;;) {
    const int status = device_.claim(interface, this);
    const DeviceUser* const owner = device_.owner(interface);
    if (status != -EBUSY || !owner->has_hung_up()) co_return status;
    if (!co_await place_.users_changed().wait()) co_return -EINTR;
  }
}

// What close() does in the kernel, whoever closed.
Task<Status> DeviceSession::leave() {
  urbs_.unlink_all([](std::uint8_t) { return true; });
  co_await urbs_.wait_empty();
  if (answers_ != nullptr) co_await device_.release_all(this);
  co_return Status();
}

void DeviceSession::unlink_interface(std::uint32_t interface) {
  urbs_.unlink_all([&](std::uint8_t endpoint) {
    return endpoint != 0 && device_.interface_of(endpoint) == static_cast<int>(interface);
  });
}

void DeviceSession::drain_pipe() {
  std::array<char, 4096> page;
  while (read(pipe_, page.data(), page.size()) > 0) {
  }
}

}  // namespace gangd::rig
