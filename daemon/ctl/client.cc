#include "ctl/client.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

namespace gangd {
namespace {

constexpr std::chrono::seconds kAnswerLimit{10};

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

Exit Client::complain(const grpc::Status& status) const {
  const bool exists = access(socket_.c_str(), F_OK) == 0;
  const bool is_allowed = access(socket_.c_str(), R_OK | W_OK) == 0;
  const bool is_ours = status.error_code() != grpc::StatusCode::UNAVAILABLE;
  if (is_ours) {
    fmt::print(stderr, "gangctl: {}\n", status.error_message());
  } else if (!exists) {
    fmt::print(stderr,
               "gangctl: there is no socket {}: start gangd, or name its socket with --socket\n",
               socket_);
  } else if (!is_allowed) {
    fmt::print(stderr, "gangctl: you may not open {}: ask for membership in its group\n", socket_);
  } else {
    fmt::print(stderr, "gangctl: no answer at {}: {}\n", socket_, status.error_message());
  }
  return Exit::kRefused;
}

}  // namespace gangd
