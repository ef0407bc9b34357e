#include <algorithm>

#include "api/convert.h"
#include "api/services.h"

namespace gangd {

namespace v1 = gang::v1;

namespace {

constexpr std::size_t kUnitsAtOnce = 200;
// A golden board is programmed each morning for years, and a gRPC message has at most 4 MiB.
constexpr std::size_t kHistoryMax = 1000;

struct UnitHistory {
  UnitRow unit;
  std::vector<AttemptRow> attempts;
};

Result<UnitHistory> read_unit(LedgerReader& reader, const v1::GetUnitRequest& request) {
  std::string uid = request.uid();
  if (request.by_case() == v1::GetUnitRequest::kSerial) {
    TRY(const auto holder, reader.uid_of_number(request.serial()));
    if (!holder) {
      return Error(Code::kNotFound, "no unit has the serial {}: see gangctl unit list",
                   request.serial());
    }
    uid = *holder;
  }
  UnitHistory history;
  TRY(auto unit, reader.unit(uid));
  if (!unit) return Error(Code::kNotFound, "no unit has the UID {}: see gangctl unit list", uid);
  history.unit = *std::move(unit);
  TRY(history.attempts, reader.attempts_of_unit(uid));
  if (history.attempts.size() > kHistoryMax) {
    history.attempts.erase(history.attempts.begin(), history.attempts.end() - kHistoryMax);
  }
  return history;
}

Task<Status> get_unit(Calls& calls, v1::GetUnitRequest request, v1::Unit& response) {
  if (request.by_case() == v1::GetUnitRequest::BY_NOT_SET) {
    co_return Error(Code::kInvalid, "ask for a uid or for a serial");
  }
  CO_TRY(const UnitHistory history, co_await calls.ask([request](LedgerReader& reader) {
    return read_unit(reader, request);
  }));
  response = to_proto(history.unit);
  for (const AttemptRow& attempt : history.attempts) *response.add_history() = to_proto(attempt);
  co_return Status();
}

Result<UnitFilter> filter_of(const v1::ListUnitsRequest& request) {
  UnitFilter filter;
  TRY(filter.last_verdict, verdict_of(request.verdict()));
  if (request.image_sha256().empty()) return filter;
  const auto bytes = from_hex(request.image_sha256());
  Sha256Digest digest;
  if (!bytes || bytes->size() != digest.bytes.size()) {
    return Error(Code::kInvalid, "\"{}\" is no SHA-256: it has 64 hexadecimal digits",
                 request.image_sha256());
  }
  std::ranges::copy(*bytes, digest.bytes.begin());
  filter.image = digest;
  return filter;
}

Task<Status> list_units(Calls& calls, v1::ListUnitsRequest request, Stream<v1::Unit>& stream) {
  CO_TRY(const UnitFilter filter, filter_of(request));
  std::string last;
  while (true) {
    CO_TRY(const std::vector<UnitRow> units,
           co_await calls.ask([filter, last](LedgerReader& reader) {
             return reader.units(filter, last, kUnitsAtOnce);
           }));
    for (const UnitRow& unit : units) CO_TRY_STATUS(co_await stream.write(to_proto(unit)));
    if (units.size() < kUnitsAtOnce) co_return Status();
    last = units.back().uid;
  }
}

}  // namespace

grpc::ServerUnaryReactor* UnitsService::GetUnit(grpc::CallbackServerContext* context,
                                                const v1::GetUnitRequest* request,
                                                v1::Unit* response) {
  return calls_.unary<v1::GetUnitRequest, v1::Unit>(
      context, request, response,
      [this](const auto& order, auto& answer) { return get_unit(calls_, order, answer); });
}

grpc::ServerWriteReactor<v1::Unit>* UnitsService::ListUnits(grpc::CallbackServerContext* context,
                                                            const v1::ListUnitsRequest* request) {
  return calls_.stream<v1::ListUnitsRequest, v1::Unit>(
      context, request, [this](v1::ListUnitsRequest order, auto& stream) {
        return list_units(calls_, std::move(order), stream);
      });
}

}  // namespace gangd
