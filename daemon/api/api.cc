#include "api/api.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "api/services.h"
#include "loop/offload.h"

namespace gangd {
namespace {

constexpr mode_t kSocketMode = 0660;

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

Status make_folder(const std::string& folder) {
  std::error_code fault;
  std::filesystem::create_directory(folder, fault);
  if (!fault) return {};
  return Error(Code::kIo, "sockets {}: {}; make the folder, and let gangd's user write there",
               folder, fault.message());
}

}  // namespace

// One socket, and who comes in by it.
class Api::Door {
 public:
  Door(Calls& calls, Role role)
      : role_(role), station_(calls), jobs_(calls, role), units_(calls), events_(calls) {}

  Status open(const std::string& folder) {
    const std::string path = folder + "/" + role_name(role_) + ".sock";
    TRY_STATUS(clear(path));
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
    // Two gRPC servers must never share a socket.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.RegisterService(&station_);
    builder.RegisterService(&jobs_);
    builder.RegisterService(&units_);
    builder.RegisterService(&events_);
    server_ = builder.BuildAndStart();
    if (!server_) {
      return Error(Code::kIo, "socket {}: gRPC cannot listen there: let gangd's user write there",
                   path);
    }
    if (chmod(path.c_str(), kSocketMode) == 0) return {};
    return Error(Code::kIo, "socket {}: {}", path, std::strerror(errno));
  }

  void set_healthy(bool healthy) { server_->GetHealthCheckService()->SetServingStatus(healthy); }

  void close_now() {
    // All calls of ours have ended before; what is left is gRPC's own, and ends now.
    if (server_) server_->Shutdown(gpr_inf_past(GPR_CLOCK_MONOTONIC));
    server_.reset();
  }

 private:
  const Role role_;
  StationService station_;
  JobsService jobs_;
  UnitsService units_;
  EventsService events_;
  std::unique_ptr<grpc::Server> server_;
};

Api::Api(Loop& loop, Station& station, Ledger& ledger, std::string ledger_file, std::string sockets)
    : loop_(loop),
      station_(station),
      sockets_(std::move(sockets)),
      doorman_(loop.port().start_workers("doorman", 1)),
      calls_(loop, station, ledger, std::move(ledger_file)),
      watching_(loop, "api") {}

Api::~Api() = default;

Task<Status> Api::start() {
  calls_.start();
  CO_TRY_STATUS(co_await offload(*doorman_, [this] { return open_doors(); }));
  watching_.spawn("health", watch_health());
  co_return Status();
}

Status Api::open_doors() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  TRY_STATUS(make_folder(sockets_));
  for (const Role role : {Role::kOperator, Role::kAuditor}) {
    // stop() closes also one that opened half.
    doors_.push_back(std::make_unique<Door>(calls_, role));
    TRY_STATUS(doors_.back()->open(sockets_));
  }
  return {};
}

Task<> Api::watch_health() {
  std::optional<bool> told;
  while (true) {
    const std::uint64_t revision = station_.revision();
    const bool healthy = station_.view().taking;
    // gRPC tells everybody who watches each time, and the revision grows with each progress.
    if (healthy != told) {
      for (const auto& door : doors_) door->set_healthy(healthy);
      told = healthy;
    }
    if (!co_await station_.changed(revision)) co_return;
  }
}

Task<> Api::stop() {
  watching_.cancel();
  co_await watching_.join();
  co_await calls_.stop();
  (void)co_await offload(*doorman_, [this] {
    for (const auto& door : doors_) door->close_now();
  });
  doors_.clear();
}

}  // namespace gangd
