#include "ledger/sqlite_ledger.h"

#include <utility>

#include "loop/offload.h"

namespace gangd {
namespace {

// One transaction, and so one sync of the disk, for all that came in meanwhile; bounded, so that a
// flood does not hold everyone back.
constexpr std::size_t kGroupEventsMax = 1000;

}  // namespace

// Waits until its events are durable, or cannot be.
class SqliteLedger::Append : public Leaf {
 public:
  Append(SqliteLedger& ledger, std::vector<LedgerEvent> events)
      : events(std::move(events)), ledger_(ledger) {}

  Result<EventId> await_resume() {
    if (refused()) return cancelled();
    return std::move(outcome_);
  }
  void finish(Result<EventId> outcome) {
    outcome_ = std::move(outcome);
    resolve();
  }

  std::vector<LedgerEvent> events;

 private:
  bool start() override {
    if (!ledger_.is_open_) {
      outcome_ = Error(Code::kClosed, "the ledger is not open");
      return false;
    }
    ledger_.enqueue(*this);
    return true;
  }
  // The disk is not asked to forget: the outcome is waited for.
  void abort() override {}

  SqliteLedger& ledger_;
  Result<EventId> outcome_ = EventId();
};

SqliteLedger::SqliteLedger(Loop& loop, std::string file, std::string station)
    : loop_(loop),
      file_(file),
      write_worker_(loop.port().start_workers("ledger", 1)),
      read_worker_(loop.port().start_workers("ledger-reader", 1)),
      writer_(std::move(file), std::move(station)),
      writing_(loop, "ledger") {}

SqliteLedger::~SqliteLedger() = default;

Task<> SqliteLedger::close() {
  co_await writing_.join();
}

Task<Result<LedgerState>> SqliteLedger::open() {
  const UtcTime now = loop_.utc_now();
  is_open_ = false;
  auto state = co_await offload(*write_worker_, [this, now] { return writer_.open(now); });
  if (!state) co_return state;
  CO_TRY_STATUS(co_await offload(*read_worker_, [this]() -> Status {
    TRY(reader_, LedgerReader::open(file_));
    return {};
  }));
  is_open_ = true;
  set_newest(writer_.newest());
  co_return state;
}

Task<Result<EventId>> SqliteLedger::append(std::vector<LedgerEvent> events) {
  co_return co_await Append(*this, std::move(events));
}

void SqliteLedger::enqueue(Append& append) {
  appends_.push_back(&append);
  if (writing_.size() == 0) writing_.spawn("write", write());
}

Task<> SqliteLedger::write() {
  while (!appends_.empty()) {
    std::vector<Append*> group;
    std::vector<LedgerEvent> events;
    while (!appends_.empty() && events.size() < kGroupEventsMax) {
      Append& append = *appends_.front();
      appends_.pop_front();
      events.insert(events.end(), append.events.begin(), append.events.end());
      group.push_back(&append);
    }
    const UtcTime now = loop_.utc_now();
    const auto first = co_await offload(*write_worker_, [this, now, events = std::move(events)] {
      return writer_.commit(events, now);
    });
    finish(group, first);
  }
}

void SqliteLedger::finish(const std::vector<Append*>& group, const Result<EventId>& first) {
  if (first) {
    EventId next = *first;
    for (Append* append : group) {
      const EventId id = next;
      next.n += append->events.size();
      append->finish(id);
    }
    set_newest({next.epoch, next.n - 1});
    return;
  }
  for (Append* append : group) append->finish(first.error());
  // Cancelled before it began, the transaction left the ledger as it was.
  if (first.failed_with(Code::kCancelled)) return;
  is_open_ = false;
  for (Append* append : std::exchange(appends_, {})) {
    append->finish(
        Error(Code::kClosed, "the ledger failed just before: {}", first.error().message()));
  }
}

void SqliteLedger::set_newest(EventId id) {
  newest_ = id;
  grown_.notify();
}

Task<Status> SqliteLedger::grown(EventId seen) {
  while (newest_ == seen) CO_TRY_STATUS(co_await grown_.wait());
  co_return Status();
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

Task<Result<std::optional<UnitRow>>> SqliteLedger::unit(std::string uid) {
  co_return co_await ask([uid](LedgerReader& reader) { return reader.unit(uid); });
}

}  // namespace gangd
