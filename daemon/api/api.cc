#include "api/api.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "api/door.h"
#include "api/grpc_log.h"
#include "api/tcp_files.h"
#include "loop/offload.h"
#include "loop/sleep.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// What clients may take for the message that is on its way and for the status, when gangd stops.
// Who reads does it in milliseconds.
constexpr Duration kFarewellLimit = 3s;
// A certificate that was revoked counts after so long.
constexpr Duration kCertificatesPause = 5s;
// Time for whoever makes certificates; and how often the log says so.
constexpr auto kRenewBefore = std::chrono::days(14);
constexpr Duration kRemindPause = 24h;

Status make_folder(const std::string& folder) {
  std::error_code fault;
  std::filesystem::create_directory(folder, fault);
  if (!fault) return {};
  return Error(Code::kIo, "sockets {}: {}; make the folder, and let gangd's user write there",
               folder, fault.message());
}

std::chrono::sys_seconds seconds_of(UtcTime time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

// What is wrong with the files now; nothing if all is well. Takes what is revoked.
std::string trouble_of(const TcpConfig& tcp, Revoked& revoked, std::chrono::sys_seconds now) {
  auto serials = read_revoked(tcp, now);
  if (!serials) return serials.error().message();
  revoked.set(*std::move(serials));
  const auto certificate = check_tcp_files(tcp, now);
  if (!certificate) return certificate.error().message();
  if (certificate->end - now > kRenewBefore) return {};
  return fmt::format("[tcp] cert {}: it expires on {}: renew it (deploy/pki/pki renew)",
                     tcp.certificate, day_text(certificate->end));
}

}  // namespace

Api::Api(Loop& loop, Station& station, Ledger& ledger, const StationConfig& config)
    : loop_(loop),
      station_(station),
      config_(config),
      doorman_(loop.port().start_workers("doorman", 2)),
      denials_(loop, [&station](
                         AccessDenied denial) { return station.record_denial(std::move(denial)); }),
      calls_(loop, station, ledger, config.ledger),
      watching_(loop, "api") {}

Api::~Api() = default;

Task<Status> Api::start() {
  grpc_log_ = std::make_unique<GrpcLog>(loop_.port(), denials_);
  denials_.start();
  calls_.start();
  CO_TRY_STATUS(co_await offload(*doorman_, [this] { return open_doors(); }));
  watching_.spawn("health", watch_health());
  if (config_.tcp) {
    watching_.spawn("certificates", watch_certificates());
    loop_.log(Severity::kInfo, "clients with a certificate come in at {}", config_.tcp->listen);
  }
  co_return Status();
}

Status Api::open_doors() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  TRY_STATUS(make_folder(config_.sockets));
  for (const Role role : kRoles) {
    const auto group = config_.socket_groups.find(role_name(role));
    TRY(auto door, Door::open_socket(calls_, denials_, role, config_.sockets,
                                     group == config_.socket_groups.end() ? "" : group->second));
    doors_.push_back(std::move(door));
  }
  return config_.tcp ? open_tcp() : Status();
}

Status Api::open_tcp() {
  const auto now = seconds_of(loop_.port().utc_now());
  TRY(const Certificate certificate, check_tcp_files(*config_.tcp, now));
  TRY(auto serials, read_revoked(*config_.tcp, now));
  revoked_.set(std::move(serials));
  TRY_STATUS(check_listen(config_.tcp->listen));
  TRY(auto door, Door::open_tcp(calls_, denials_, revoked_, *config_.tcp));
  doors_.push_back(std::move(door));
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

Task<> Api::watch_certificates() {
  do {
    co_await look_at_certificates();
  } while (co_await sleep_for(kCertificatesPause));
}

Task<> Api::look_at_certificates() {
  const auto now = seconds_of(loop_.utc_now());
  Result<std::string> trouble = co_await offload(*doorman_, [this, now]() -> Result<std::string> {
    return trouble_of(*config_.tcp, revoked_, now);
  });
  if (!trouble) co_return;
  const bool is_news = *trouble != trouble_;
  if (trouble->empty()) {
    if (is_news) loop_.log(Severity::kInfo, "[tcp]: the certificates are in order again");
  } else if (is_news || loop_.now() - told_ > kRemindPause) {
    loop_.log(Severity::kWarning, "{}", *trouble);
    told_ = loop_.now();
  }
  trouble_ = *std::move(trouble);
}

Task<> Api::cut_slow_clients() {
  while (co_await sleep_for(kFarewellLimit)) {
    (void)co_await offload(*doorman_, [this] {
      for (const auto& door : doors_) door->cut_connections();
    });
  }
}

Task<> Api::stop() {
  watching_.cancel();
  co_await watching_.join();
  co_await calls_.cancel();
  Scope farewell(loop_, "farewell");
  farewell.spawn("cut", cut_slow_clients());
  (void)co_await offload(*doorman_, [this] {
    for (const auto& door : doors_) door->close();
  });
  co_await calls_.join();
  farewell.cancel();
  co_await farewell.join();
  doors_.clear();
  // Nobody is left who could be refused.
  grpc_log_.reset();
  co_await denials_.stop();
}

}  // namespace gangd
