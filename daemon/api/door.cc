#include "api/door.h"

#include <grp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <utility>

#include "api/permissions.h"

namespace gangd {
namespace {

constexpr mode_t kOwnMode = 0600;
constexpr mode_t kGroupMode = 0660;
constexpr std::size_t kGroupBytesMax = 16 * 1024;

// --- over TCP

// A renewed certificate counts after so long.
constexpr unsigned kRefreshSeconds = 5;
// A client that connects and says nothing.
constexpr int kHandshakeLimitMs = 10'000;
// A client whose cable was pulled is found within both.
constexpr int kAliveAfterMs = 60'000;
constexpr int kAliveLimitMs = 20'000;
// How often a client may ask whether gangd is alive.
constexpr int kPingPauseMs = 10'000;
// Then a client connects again, and its certificate is looked at: also a stream that nobody ends
// does not outlive a certificate by more.
constexpr int kConnectionAgeMs = 24 * 3600 * 1000;
constexpr int kConnectionGraceMs = 10'000;
// Of one connection.
constexpr int kStreamsMax = 100;

// Connects to whoever listens there: 0, or the reason why nobody could be reached.
int knock(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const bool is_there =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int reason = is_there ? 0 : errno;
  close(fd);
  return reason;
}

// gRPC would take the path from whoever listens there. What a dead gangd left is removed.
Status clear(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error(Code::kInvalid,
                 "socket {}: a socket's path has at most {} characters: choose a "
                 "shorter folder",
                 path, sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) {
    return Error(Code::kInvalid,
                 "socket {}: something that is no socket has this name; move it away, or give "
                 "this station another folder for its sockets",
                 path);
  }
  const int reason = knock(address);
  if (reason == 0) {
    return Error(Code::kBusy,
                 "socket {}: another gangd answers there; end it, or give this station "
                 "another folder for its sockets",
                 path);
  }
  if (reason != ECONNREFUSED) {
    return Error(Code::kIo,
                 "socket {}: {}; it may be in use: remove it if it is not, or give this station "
                 "another folder for its sockets",
                 path, std::strerror(reason));
  }
  if (unlink(path.c_str()) == 0) return {};
  return Error(Code::kIo, "socket {}: a dead gangd left it, and it cannot be removed: {}", path,
               std::strerror(errno));
}

Result<gid_t> group_named(const std::string& name, const std::string& role) {
  group entry{};
  group* found = nullptr;
  std::array<char, kGroupBytesMax> space{};
  if (getgrnam_r(name.c_str(), &entry, space.data(), space.size(), &found) == 0 && found) {
    return found->gr_gid;
  }
  return Error(Code::kNotFound,
               "[socket_groups] {}: this machine has no group {}: type groupadd --system {}", role,
               name, name);
}

// gRPC makes it so that only its owner may write, and so connect. Operators are those of gangd's
// own group, if no other is named; every other role must be given to somebody.
Status give_to(const std::string& path, const std::string& role, const std::string& group) {
  if (!group.empty()) {
    TRY(const gid_t id, group_named(group, role));
    if (chown(path.c_str(), static_cast<uid_t>(-1), id) != 0) {
      return Error(Code::kIo,
                   "[socket_groups] {}: {} cannot be given to group {}: {}; gangd's user must be "
                   "in that group",
                   role, path, group, std::strerror(errno));
    }
  }
  const bool is_open = !group.empty() || role == role_name(Role::kOperator);
  if (chmod(path.c_str(), is_open ? kGroupMode : kOwnMode) == 0) return {};
  return Error(Code::kIo, "socket {}: {}", path, std::strerror(errno));
}

// So that no service is offered whose methods nobody has thought about.
template <class Service, class Implementation>
Status offer(grpc::ServerBuilder& builder, Implementation& service) {
  const auto* const descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
          Service::service_full_name());
  CHECK(descriptor != nullptr, "{} has no descriptor", Service::service_full_name());
  TRY_STATUS(check_rows(*descriptor));
  builder.RegisterService(&service);
  return {};
}

void set_tcp_limits(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeLimitMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kAliveAfterMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kAliveLimitMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kPingPauseMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kConnectionAgeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kConnectionGraceMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsMax);
}

std::shared_ptr<grpc::ServerCredentials> tls_credentials(const TcpConfig& tcp) {
  using grpc::experimental::FileWatcherCertificateProvider;
  // TLS 1.2 and 1.3 is what gRPC takes; the client's certificate is checked in the handshake.
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<FileWatcherCertificateProvider>(tcp.key, tcp.certificate, tcp.ca,
                                                       kRefreshSeconds));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

std::uint16_t port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return 0;
}

}  // namespace

Door::Door(Calls& calls, std::shared_ptr<Gate> gate)
    : gate_(std::move(gate)),
      station_(calls),
      jobs_(calls, *gate_),
      units_(calls),
      events_(calls),
      qualifications_(calls, *gate_) {}

Status Door::serve(const std::string& address, std::shared_ptr<grpc::ServerCredentials> credentials,
                   grpc::ServerBuilder& builder) {
  credentials->SetAuthMetadataProcessor(gate_);
  builder.AddListeningPort(address, std::move(credentials));
  // Two gRPC servers must never share a socket.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  TRY_STATUS(offer<gang::v1::Station>(builder, station_));
  TRY_STATUS(offer<gang::v1::Jobs>(builder, jobs_));
  TRY_STATUS(offer<gang::v1::Units>(builder, units_));
  TRY_STATUS(offer<gang::v1::Events>(builder, events_));
  TRY_STATUS(offer<gang::v1::Qualifications>(builder, qualifications_));
  server_ = builder.BuildAndStart();
  if (server_) return {};
  return Error(Code::kIo, "gRPC cannot listen there: let gangd's user do so");
}

Result<std::unique_ptr<Door>> Door::open_socket(Calls& calls, Denials& denials, Role role,
                                                const std::string& folder,
                                                const std::string& group) {
  std::unique_ptr<Door> door(new Door(calls, std::make_shared<Gate>(denials, role)));
  door->path_ = folder + "/" + role_name(role) + ".sock";
  TRY_STATUS(clear(door->path_));
  grpc::ServerBuilder builder;
  TRY_STATUS(
      door->serve("unix:" + door->path_, grpc::experimental::LocalServerCredentials(UDS), builder)
          .with_context("socket " + door->path_));
  TRY_STATUS(give_to(door->path_, role_name(role), group));
  return door;
}

Result<std::unique_ptr<Door>> Door::open_tcp(Calls& calls, Denials& denials, const Revoked& revoked,
                                             const TcpConfig& tcp) {
  std::unique_ptr<Door> door(
      new Door(calls, std::make_shared<Gate>(denials, calls.loop().port(), revoked)));
  const std::size_t colon = tcp.listen.rfind(':');
  std::from_chars(tcp.listen.data() + colon + 1, tcp.listen.data() + tcp.listen.size(),
                  door->port_);
  grpc::ServerBuilder builder;
  set_tcp_limits(builder);
  TRY_STATUS(door->serve(tcp.listen, tls_credentials(tcp), builder)
                 .with_context("[tcp] listen " + tcp.listen));
  return door;
}

void Door::close() {
  if (server_) server_->Shutdown();
  server_.reset();
}

void Door::cut_connections() const {
  std::error_code fault;
  for (std::filesystem::directory_iterator fds("/proc/self/fd", fault), end; !fault && fds != end;
       fds.increment(fault)) {
    const std::string name = fds->path().filename().string();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) continue;
    const bool is_socket = address.ss_family == AF_UNIX && !path_.empty() &&
                           path_ == reinterpret_cast<const sockaddr_un&>(address).sun_path;
    const bool is_tcp = port_ != 0 && port_of(address) == port_;
    if (is_socket || is_tcp) shutdown(fd, SHUT_RDWR);
  }
}

}  // namespace gangd
