#include "ledger/sqlite_ledger.h"

#include <utility>

#include "loop/offload.h"

namespace gangd {

SqliteLedger::SqliteLedger(Loop& loop, std::string file, std::string station)
    : loop_(loop),
      file_(file),
      write_worker_(loop.port().start_workers("ledger", 1)),
      read_worker_(loop.port().start_workers("ledger-reader", 1)),
      writer_(std::move(file), std::move(station)),
      queue_(loop, [this](std::vector<LedgerEvent> events) { return commit(std::move(events)); }) {}

SqliteLedger::~SqliteLedger() = default;

Task<> SqliteLedger::close() {
  return queue_.close();
}

Task<Result<LedgerState>> SqliteLedger::open() {
  const UtcTime now = loop_.utc_now();
  queue_.shut();
  auto state = co_await offload(*write_worker_, [this, now] { return writer_.open(now); });
  if (!state) co_return state;
  CO_TRY_STATUS(co_await offload(*read_worker_, [this]() -> Status {
    TRY(reader_, LedgerReader::open(file_));
    return {};
  }));
  queue_.open(writer_.newest());
  co_return state;
}

Task<Result<EventId>> SqliteLedger::commit(std::vector<LedgerEvent> events) {
  const UtcTime now = loop_.utc_now();
  co_return co_await offload(*write_worker_, [this, now, events = std::move(events)] {
    return writer_.commit(events, now);
  });
}

// In the read worker: question(reader).
template <class Question>
auto SqliteLedger::ask(Question question) {
  using Answer = std::invoke_result_t<Question&, LedgerReader&>;
  return offload(*read_worker_, [this, question = std::move(question)]() mutable -> Answer {
    if (!reader_) return Error(Code::kClosed, "the ledger is not open");
    return question(*reader_);
  });
}

Task<Result<std::vector<Entry>>> SqliteLedger::entries(EventId after, std::size_t entries_max) {
  co_return co_await ask([=](LedgerReader& reader) -> Result<std::vector<Entry>> {
    TRY(const std::vector<StoredEvent> events, reader.events(after, entries_max));
    std::vector<Entry> entries;
    for (const StoredEvent& event : events) {
      TRY(Entry entry, decode_entry(event.bytes));
      entries.push_back(std::move(entry));
    }
    return entries;
  });
}

Task<Result<Entry>> SqliteLedger::entry(EventId id) {
  co_return co_await ask([id](LedgerReader& reader) { return reader.entry(id); });
}

Task<Result<std::optional<Entry>>> SqliteLedger::request(std::string request) {
  co_return co_await ask([request](LedgerReader& reader) { return reader.request(request); });
}

Task<Result<EventId>> SqliteLedger::cursor(std::string outbox) {
  co_return co_await offload(*write_worker_, [this, outbox] { return writer_.cursor(outbox); });
}

Task<Status> SqliteLedger::keep_cursor(std::string outbox, EventId cursor) {
  co_return co_await offload(*write_worker_,
                             [=, this] { return writer_.keep_cursor(outbox, cursor); });
}

Task<Result<std::optional<UnitRow>>> SqliteLedger::unit(std::string uid) {
  co_return co_await ask([uid](LedgerReader& reader) { return reader.unit(uid); });
}

}  // namespace gangd
