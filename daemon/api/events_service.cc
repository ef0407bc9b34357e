#include "api/convert.h"
#include "api/services.h"

namespace gangd {

namespace v1 = gang::v1;

namespace {

constexpr std::size_t kEventsAtOnce = 200;

Result<EventId> cursor_of(LedgerReader& reader, const std::string& token) {
  if (token.empty()) return EventId();
  TRY(const EventId id, EventId::parse(token));
  // Another ledger's token would skip or repeat events.
  if (const auto entry = reader.entry(id); !entry) {
    return Error(Code::kNotFound,
                 "this ledger has no event {}: the token is of another ledger, or of one that was "
                 "replaced by an older copy; begin with an empty token",
                 token);
  }
  return id;
}

Task<Status> stream_events(Calls& calls, v1::StreamEventsRequest request,
                           Stream<v1::LedgerEvent>& stream) {
  CO_TRY(EventId cursor, co_await calls.ask([token = request.after()](LedgerReader& reader) {
    return cursor_of(reader, token);
  }));
  while (true) {
    const EventId newest = calls.ledger().newest();
    CO_TRY(const std::vector<StoredEvent> events,
           co_await calls.ask(
               [cursor](LedgerReader& reader) { return reader.events(cursor, kEventsAtOnce); }));
    for (const StoredEvent& event : events) {
      CO_TRY_STATUS(co_await stream.write(to_proto(event)));
      cursor = event.id;
    }
    if (!events.empty()) continue;
    if (!request.follow()) co_return Status();
    CO_TRY_STATUS(co_await calls.ledger().grown(newest));
  }
}

}  // namespace

grpc::ServerWriteReactor<v1::LedgerEvent>* EventsService::StreamEvents(
    grpc::CallbackServerContext*, const v1::StreamEventsRequest* request) {
  return calls_.stream<v1::StreamEventsRequest, v1::LedgerEvent>(
      request, [this](v1::StreamEventsRequest order, auto& stream) {
        return stream_events(calls_, std::move(order), stream);
      });
}

}  // namespace gangd
