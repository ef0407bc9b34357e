#include "ctl/client.h"

#include <fmt/core.h>
#include <grpc/support/log.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ctl/text.h"
#include "ctl/tls_line.h"

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

Client::Client(Place place) : place_(std::move(place)) {
  // What it has to say of a line that fails is said better by complain().
  gpr_set_log_function([](gpr_log_func_args*) {});
  // Names as every other program of this machine finds them, /etc/hosts and mDNS included.
  setenv("GRPC_DNS_RESOLVER", "native", 0);
  std::shared_ptr<grpc::Channel> channel;
  if (place_.address.empty()) {
    channel = grpc::CreateChannel("unix:" + place_.socket, grpc::InsecureChannelCredentials());
  } else if (auto files = read_tls_files(place_)) {
    channel = grpc::CreateChannel(
        place_.address, grpc::SslCredentials({files->ca, files->key, files->certificate}));
  } else {
    mistake_ = files.error().message();
    // Every call on it fails.
    channel = grpc::CreateChannel(place_.address, nullptr);
  }
  station_ = gang::v1::Station::NewStub(channel);
  jobs_ = gang::v1::Jobs::NewStub(channel);
  units_ = gang::v1::Units::NewStub(channel);
  events_ = gang::v1::Events::NewStub(channel);
  qualifications_ = gang::v1::Qualifications::NewStub(channel);
}

void Client::set_deadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kAnswerLimit);
}

bool Client::is_lost(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
}

Exit Client::complain(const grpc::Status& status) const {
  if (!mistake_.empty()) {
    fmt::print(stderr, "gangctl: {}\n", mistake_);
    return Exit::kRefused;
  }
  if (!place_.address.empty() && is_lost(status)) {
    const auto files = read_tls_files(place_);
    const std::string reason = files ? why_unreachable(place_, *files) : files.error().message();
    if (!reason.empty()) {
      fmt::print(stderr, "gangctl: {}: {}\n", place_.address, printable(reason));
      return Exit::kRefused;
    }
  }
  const bool is_socket = place_.address.empty();
  const int reason = is_socket && is_lost(status) ? knock(place_.socket) : 0;
  if (reason == ENOENT) {
    fmt::print(stderr,
               "gangctl: there is no socket {}: start gangd, or name its socket with --socket\n",
               place_.socket);
  } else if (reason == EACCES) {
    fmt::print(stderr, "gangctl: you may not open {}: ask for membership in its group\n",
               place_.socket);
  } else if (reason != 0) {
    fmt::print(stderr,
               "gangctl: nobody answers at {} ({}): start gangd, or name its socket with "
               "--socket\n",
               place_.socket, std::strerror(reason));
  } else if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    fmt::print(stderr,
               "gangctl: gangd did not answer within {} s: look at its log, and ask again\n",
               kAnswerLimit.count());
  } else if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    fmt::print(stderr, "gangctl: gangd at {} is not available: {}\n", place_.name(),
               printable(status.error_message()));
  } else {
    fmt::print(stderr, "gangctl: {}\n", printable(status.error_message()));
  }
  return Exit::kRefused;
}

}  // namespace gangd
