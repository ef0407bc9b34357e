#include "mes/grpc_mes.h"

#include <gang/mes/v1/mes.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <utility>

#include "base/utf8.h"
#include "image/image.h"
#include "loop/context.h"
#include "loop/deadline.h"
#include "mes/convert.h"

namespace gangd {

namespace v1 = gang::mes::v1;

namespace {

constexpr std::size_t kCertificateBytesMax = 1 << 20;
// A line waits for a MES that is back no longer than this.
constexpr int kReconnectMsMax = 2000;
// What is silent for so long is asked whether it is there: a cable that was pulled says nothing.
constexpr int kKeepaliveMs = 20'000;

using Stub = v1::Mes::Stub;

// Which call a request makes.
void start_call(Stub& stub, grpc::ClientContext* context, const v1::AuthorizeUnitRequest* request,
                v1::AuthorizeUnitResponse* response, std::function<void(grpc::Status)> done) {
  stub.async()->AuthorizeUnit(context, request, response, std::move(done));
}
void start_call(Stub& stub, grpc::ClientContext* context, const v1::LeaseSerialsRequest* request,
                v1::LeaseSerialsResponse* response, std::function<void(grpc::Status)> done) {
  stub.async()->LeaseSerials(context, request, response, std::move(done));
}
void start_call(Stub& stub, grpc::ClientContext* context, const v1::ReportUnitRequest* request,
                v1::ReportUnitResponse* response, std::function<void(grpc::Status)> done) {
  stub.async()->ReportUnit(context, request, response, std::move(done));
}

// One call, as a task of the loop waits for it. gRPC's thread writes the outcome, and posts.
template <class Request, class Response>
class Call : public Leaf, private Event {
 public:
  Call(Port& port, Stub& stub, Request request)
      : port_(port), stub_(stub), request_(std::move(request)) {}

  Result<grpc::Status> await_resume() {
    if (refused() || (aborted_ && !status_.ok())) return cancelled();
    return status_;
  }
  Response& response() { return response_; }

 private:
  bool start() override {
    start_call(stub_, &context_, &request_, &response_, [this](grpc::Status status) {
      status_ = std::move(status);
      port_.post(*this);
    });
    return true;
  }
  void abort() override {
    aborted_ = true;
    context_.TryCancel();
  }
  void on_loop() override { resolve(); }
  std::string_view event_name() const override { return "mes call"; }

  Port& port_;
  Stub& stub_;
  grpc::ClientContext context_;
  const Request request_;
  Response response_;
  grpc::Status status_;
  bool aborted_ = false;
};

// Whether the MES has answered; if not, nobody knows whether it heard.
bool is_answer(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNIMPLEMENTED:
      return true;
    default:
      return false;
  }
}

Result<std::string> read_text(const std::string& file) {
  TRY(const ByteVector bytes, read_file(file, kCertificateBytesMax));
  return std::string(bytes.begin(), bytes.end());
}

Result<std::shared_ptr<grpc::ChannelCredentials>> credentials_of(const MesConfig& config) {
  if (config.ca.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  TRY(options.pem_root_certs, read_text(config.ca));
  if (!config.cert.empty()) {
    TRY(options.pem_cert_chain, read_text(config.cert));
    TRY(options.pem_private_key, read_text(config.key));
  }
  return grpc::SslCredentials(options);
}

}  // namespace

class GrpcMes::Connection {
 public:
  Connection(const std::string& address, std::shared_ptr<grpc::ChannelCredentials> credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMsMax);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    stub_ = v1::Mes::NewStub(grpc::CreateCustomChannel(address, credentials, arguments));
  }
  Stub& stub() { return *stub_; }

 private:
  std::unique_ptr<Stub> stub_;
};

Result<std::unique_ptr<GrpcMes>> GrpcMes::open(Loop& loop, const MesConfig& config,
                                               std::string station) {
  auto credentials = credentials_of(config);
  if (!credentials) return std::move(credentials).error().with_context("[mes]");
  auto connection = std::make_unique<Connection>(config.address, *std::move(credentials));
  return std::unique_ptr<GrpcMes>(
      new GrpcMes(loop, config, std::move(station), std::move(connection)));
}

GrpcMes::GrpcMes(Loop& loop, const MesConfig& config, std::string station,
                 std::unique_ptr<Connection> connection)
    : loop_(loop),
      address_(config.address),
      deadline_(config.deadline),
      station_(std::move(station)),
      connection_(std::move(connection)) {}

GrpcMes::~GrpcMes() = default;

template <class Request, class Response>
Task<Result<Response>> GrpcMes::call(Request request) {
  Call<Request, Response> call(loop_.port(), connection_->stub(), std::move(request));
  const auto wait = [&call]() -> Task<Result<grpc::Status>> { co_return co_await call; };
  auto ended = co_await with_timeout(deadline_, wait());
  if (ended.failed_with(Code::kTimeout)) {
    co_return Error(Code::kTimeout, "the MES at {} gave no answer: {}", address_,
                    ended.error().message());
  }
  CO_TRY(const grpc::Status status, std::move(ended));
  if (status.ok()) co_return std::move(call.response());
  const std::string said = as_utf8(status.error_message());
  if (is_answer(status.error_code())) {
    co_return Error(Code::kInvalid, "the MES at {} refuses: {}", address_, said);
  }
  co_return Error(Code::kTimeout, "the MES at {} gave no answer: {}", address_, said);
}

Task<Status> GrpcMes::authorize(MesUnit unit) {
  CO_TRY(const v1::AuthorizeUnitResponse answer,
         (co_await call<v1::AuthorizeUnitRequest, v1::AuthorizeUnitResponse>(
             to_proto(unit, station_))));
  if (answer.allowed()) co_return Status();
  if (answer.reason().empty()) {
    co_return Error(Code::kInvalid, "unit {} is not to be built here now", unit.uid);
  }
  co_return Error(Code::kInvalid, as_utf8(answer.reason()));
}

Task<Result<MesNumbers>> GrpcMes::lease(MesLease lease) {
  CO_TRY(const v1::LeaseSerialsResponse answer,
         (co_await call<v1::LeaseSerialsRequest, v1::LeaseSerialsResponse>(
             to_proto(lease, station_))));
  co_return MesNumbers{answer.first(), answer.count()};
}

Task<Status> GrpcMes::report(MesReport report) {
  auto answer =
      co_await call<v1::ReportUnitRequest, v1::ReportUnitResponse>(to_proto(report, station_));
  if (answer) co_return Status();
  // A refusal stops all reports behind it: whose it is must be known.
  co_return std::move(answer).error().with_context("report " + report.event.to_string());
}

Result<std::unique_ptr<MesLink>> open_mes(Loop& loop, const StationConfig& config) {
  if (!config.mes) return std::make_unique<NoMes>();
  TRY(std::unique_ptr<MesLink> mes, GrpcMes::open(loop, *config.mes, config.name));
  return mes;
}

}  // namespace gangd
