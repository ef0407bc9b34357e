#include "api/convert.h"
#include "api/services.h"

namespace gangd {

namespace v1 = gang::v1;

namespace {

Task<Status> get_station(Calls& calls, v1::StationState& response) {
  response = to_proto(calls.station().view());
  co_return Status();
}

Task<Status> list_slots(Calls& calls, v1::ListSlotsResponse& response) {
  for (const SlotView& slot : calls.station().slots()) *response.add_slots() = to_proto(slot);
  co_return Status();
}

}  // namespace

grpc::ServerUnaryReactor* StationService::GetStation(grpc::CallbackServerContext* context,
                                                     const v1::GetStationRequest* request,
                                                     v1::StationState* response) {
  return calls_.unary<v1::GetStationRequest, v1::StationState>(
      context, request, response,
      [this](const auto&, auto& answer) { return get_station(calls_, answer); });
}

grpc::ServerUnaryReactor* StationService::ListSlots(grpc::CallbackServerContext* context,
                                                    const v1::ListSlotsRequest* request,
                                                    v1::ListSlotsResponse* response) {
  return calls_.unary<v1::ListSlotsRequest, v1::ListSlotsResponse>(
      context, request, response,
      [this](const auto&, auto& answer) { return list_slots(calls_, answer); });
}

}  // namespace gangd
