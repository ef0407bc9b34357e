#include "ctl/client.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "ctl/text.h"

namespace gangd {
namespace {

constexpr std::chrono::seconds kAnswerLimit{10};

// 0 when somebody listens there, or the reason. gRPC says the same for a gangd that is not there
// and for one that answers that it cannot.
int knock(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const bool is_there =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int reason = is_there ? 0 : errno;
  close(fd);
  return reason;
}

}  // namespace

Client::Client(std::string socket) : socket_(std::move(socket)) {
  const auto channel = grpc::CreateChannel("unix:" + socket_, grpc::InsecureChannelCredentials());
  station_ = gang::v1::Station::NewStub(channel);
  jobs_ = gang::v1::Jobs::NewStub(channel);
  units_ = gang::v1::Units::NewStub(channel);
  events_ = gang::v1::Events::NewStub(channel);
}

void Client::set_deadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kAnswerLimit);
}

bool Client::is_lost(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
}

Exit Client::complain(const grpc::Status& status) const {
  const int reason = is_lost(status) ? knock(socket_) : 0;
  if (reason == ENOENT) {
    fmt::print(stderr,
               "gangctl: there is no socket {}: start gangd, or name its socket with --socket\n",
               socket_);
  } else if (reason == EACCES) {
    fmt::print(stderr, "gangctl: you may not open {}: ask for membership in its group\n", socket_);
  } else if (reason != 0) {
    fmt::print(stderr,
               "gangctl: nobody answers at {} ({}): start gangd, or name its socket with "
               "--socket\n",
               socket_, std::strerror(reason));
  } else if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    fmt::print(stderr,
               "gangctl: gangd did not answer within {} s: look at its log, and ask again\n",
               kAnswerLimit.count());
  } else if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    fmt::print(stderr, "gangctl: gangd at {} is not available: {}\n", socket_,
               printable(status.error_message()));
  } else {
    fmt::print(stderr, "gangctl: {}\n", printable(status.error_message()));
  }
  return Exit::kRefused;
}

}  // namespace gangd
