#include "ledger/sqlite_ledger.h"

#include <cstring>
#include <utility>

#include "loop/offload.h"

namespace gangd {
namespace {

StationKey key_in(Port& port, std::string file) {
  StationKey key = {std::move(file), {}};
  for (std::size_t i = 0; i < key.seed.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t random = port.random();
    std::memcpy(key.seed.data() + i, &random, sizeof random);
  }
  return key;
}

}  // namespace

SqliteLedger::SqliteLedger(Loop& loop, std::string file, std::string station, std::string key_file)
    : loop_(loop),
      file_(file),
      write_worker_(loop.port().start_workers("ledger", 1)),
      read_worker_(loop.port().start_workers("ledger-reader", 1)),
      writer_(std::move(file), std::move(station), key_in(loop.port(), std::move(key_file))),
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

Task<Result<std::optional<std::string>>> SqliteLedger::other_holder(std::string number,
                                                                    std::string uid) {
  co_return co_await ask([=](LedgerReader& reader) { return reader.other_holder(number, uid); });
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

Task<Result<bool>> SqliteLedger::is_sound(std::string uid) {
  co_return co_await ask([uid](LedgerReader& reader) { return reader.is_sound(uid); });
}

}  // namespace gangd
