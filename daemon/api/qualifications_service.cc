#include <chrono>

#include "api/convert.h"
#include "api/services.h"

namespace gangd {

namespace v1 = gang::v1;

namespace {

// Compared on the loop's thread: some milliseconds.
constexpr std::size_t kPieceMax = std::size_t{1} << 20;

Task<Status> answer(Task<Result<QualificationView>> work, v1::Qualification& response) {
  CO_TRY(const QualificationView view, co_await std::move(work));
  response = to_proto(view);
  co_return Status();
}

Task<Status> start(Calls& calls, Result<Caller> caller,
                   const v1::StartQualificationRequest& request, v1::Qualification& response) {
  CO_TRY(Caller who, std::move(caller));
  co_return co_await answer(
      calls.station().qualifications().start({request.request_id(), std::move(who),
                                              request.person(), request.product(), request.slot()}),
      response);
}

Task<Status> get(Calls& calls, const v1::GetQualificationRequest& request,
                 v1::Qualification& response) {
  CO_TRY(const EventId id, EventId::parse(request.id()));
  CO_TRY(const QualificationView view, calls.station().qualifications().view(id));
  response = to_proto(view);
  co_return Status();
}

Task<Status> do_step(Calls& calls, Result<Caller> caller, const v1::DoStepRequest& request,
                     v1::Qualification& response) {
  CO_TRY(Caller who, std::move(caller));
  CO_TRY(const EventId id, EventId::parse(request.id()));
  co_return co_await answer(
      calls.station().qualifications().do_step({id, std::move(who), request.step(), request.note(),
                                                std::chrono::seconds(request.hub_off_seconds())}),
      response);
}

Task<Status> compare(Calls& calls, Result<Caller> caller, const v1::CompareDumpRequest& request,
                     v1::Qualification& response) {
  CO_TRY(Caller who, std::move(caller));
  CO_TRY(const EventId id, EventId::parse(request.id()));
  if (request.data().size() > kPieceMax) {
    co_return Error(Code::kInvalid, "a piece of a dump has at most {} bytes", kPieceMax);
  }
  co_return co_await answer(
      calls.station().qualifications().compare(
          {id, std::move(who), request.extent(), request.offset(), as_bytes(request.data())}),
      response);
}

Task<Status> list(Calls& calls, v1::ListQualificationsResponse& response) {
  for (const QualificationView& view : calls.station().qualifications().all()) {
    *response.add_qualifications() = to_proto(view);
  }
  co_return Status();
}

}  // namespace

grpc::ServerUnaryReactor* QualificationsService::StartQualification(
    grpc::CallbackServerContext* context, const v1::StartQualificationRequest* request,
    v1::Qualification* response) {
  return calls_.unary<v1::StartQualificationRequest, v1::Qualification>(
      context, request, response,
      [this, caller = gate_.caller(*context->auth_context())](const auto& order, auto& answer) {
        return start(calls_, caller, order, answer);
      });
}

grpc::ServerUnaryReactor* QualificationsService::GetQualification(
    grpc::CallbackServerContext* context, const v1::GetQualificationRequest* request,
    v1::Qualification* response) {
  return calls_.unary<v1::GetQualificationRequest, v1::Qualification>(
      context, request, response,
      [this](const auto& order, auto& answer) { return get(calls_, order, answer); });
}

grpc::ServerUnaryReactor* QualificationsService::DoStep(grpc::CallbackServerContext* context,
                                                        const v1::DoStepRequest* request,
                                                        v1::Qualification* response) {
  return calls_.unary<v1::DoStepRequest, v1::Qualification>(
      context, request, response,
      [this, caller = gate_.caller(*context->auth_context())](const auto& order, auto& answer) {
        return do_step(calls_, caller, order, answer);
      });
}

grpc::ServerUnaryReactor* QualificationsService::CompareDump(grpc::CallbackServerContext* context,
                                                             const v1::CompareDumpRequest* request,
                                                             v1::Qualification* response) {
  return calls_.unary<v1::CompareDumpRequest, v1::Qualification>(
      context, request, response,
      [this, caller = gate_.caller(*context->auth_context())](const auto& order, auto& answer) {
        return compare(calls_, caller, order, answer);
      });
}

grpc::ServerUnaryReactor* QualificationsService::ListQualifications(
    grpc::CallbackServerContext* context, const v1::ListQualificationsRequest* request,
    v1::ListQualificationsResponse* response) {
  return calls_.unary<v1::ListQualificationsRequest, v1::ListQualificationsResponse>(
      context, request, response,
      [this](const auto&, auto& answer) { return list(calls_, answer); });
}

}  // namespace gangd
