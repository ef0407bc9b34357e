#include "tests/sim/sim_ledger.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <ranges>

#include "ledger/sound_cells.h"
#include "loop/offload.h"
#include "loop/sleep.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

// What an SD card or a busy array takes in bad moments.
constexpr Duration kSlowMin = 500ms;
constexpr Duration kSlowMax = 10s;

void follow(LedgerState& state, const Entry& entry) {
  if (std::holds_alternative<JobStarted>(entry.event)) state.open_jobs.push_back(entry.id);
  if (const auto* end = std::get_if<JobEnded>(&entry.event)) {
    std::erase(state.open_jobs, end->job);
  }
  if (const auto* end = std::get_if<AttemptEnded>(&entry.event)) {
    std::erase(state.open_attempts, end->attempt);
  }
  if (const auto* epoch = std::get_if<EpochBegan>(&entry.event)) {
    for (auto& [pool, next] : state.pool_next) next += epoch->skipped;
    state.leases.clear();
  }
  if (const auto* start = std::get_if<AttemptStarted>(&entry.event)) {
    state.open_attempts.push_back(entry.id);
    for (const UnitNumber& number : start->numbers) {
      std::uint64_t& next = state.pool_next[number.pool];
      next = std::max(next, number.index + 1);
      for (SerialLease& lease : state.leases) {
        const bool is_of_it = lease.pool == number.pool && number.index >= lease.first &&
                              number.index - lease.first < lease.count;
        if (is_of_it) lease.next = std::max(lease.next, number.index + 1);
      }
    }
  }
  if (const auto* lease = std::get_if<SerialsLeased>(&entry.event)) {
    state.leases.push_back({entry.id, lease->pool, lease->first, lease->count, lease->first});
  }
}

void follow_qualification(LedgerState& state, std::map<EventId, std::string>& slots,
                          const Entry& entry) {
  const auto end = [&state](EventId id) {
    std::erase_if(state.qualifications, [id](const auto& open) { return open.id == id; });
  };
  if (const auto* began = std::get_if<QualificationStarted>(&entry.event)) {
    for (const auto& [id, slot] : slots) {
      if (slot == began->slot) end(id);
    }
    slots[entry.id] = began->slot;
    state.qualifications.push_back({entry.id, {}});
  }
  if (const auto* step = std::get_if<QualificationStep>(&entry.event)) {
    for (OpenQualification& open : state.qualifications) {
      if (open.id == step->qualification) open.steps.push_back(entry.id);
    }
  }
  if (const auto* qualified = std::get_if<BoardQualified>(&entry.event)) {
    end(qualified->qualification);
    state.qualified.push_back(entry.id);
  }
}

// What the SQL of the real one asks for, in other words.
std::vector<FailedAttempt> find_unacknowledged(const std::vector<Entry>& entries) {
  std::map<std::string, EventId> newest;  // attempt of each slot
  std::map<EventId, EventId> failed;      // its end, while nobody has said that it was seen
  for (const Entry& entry : entries) {
    if (const auto* start = std::get_if<AttemptStarted>(&entry.event)) {
      newest[start->slot] = entry.id;
    }
    const auto* end = std::get_if<AttemptEnded>(&entry.event);
    if (end != nullptr && end->verdict == Verdict::kFail) failed[end->attempt] = entry.id;
    if (const auto* seen = std::get_if<AttemptAcknowledged>(&entry.event)) {
      failed.erase(seen->attempt);
    }
  }
  std::vector<FailedAttempt> found;
  for (const auto& [slot, attempt] : newest) {
    const auto end = failed.find(attempt);
    if (end != failed.end()) found.push_back({attempt, end->second});
  }
  return found;
}

const std::string* request_of(const LedgerEvent& event) {
  if (const auto* seen = std::get_if<AttemptAcknowledged>(&event)) return &seen->request;
  if (const auto* start = std::get_if<JobStarted>(&event)) return &start->request;
  if (const auto* began = std::get_if<QualificationStarted>(&event)) return &began->request;
  if (const auto* end = std::get_if<JobEnded>(&event)) return &end->request;
  return nullptr;
}

void add_number(UnitRow& unit, const UnitNumber& number) {
  if (std::ranges::find(unit.numbers, number) == unit.numbers.end()) {
    unit.numbers.push_back(number);
  }
}

// The same in every life of a station, and in every run of a seed.
SecretKey key_of(const std::string& station) {
  return SecretKey(sha256(as_bytes(station)).bytes);
}

}  // namespace

Status SimDisk::audit() const {
  SignedChainCheck check({{noted_}, {}});
  for (const StoredEvent& event : stored_) {
    const auto signature = signatures_.find(event.id.n);
    TRY_STATUS(check.next(
        event, signature == signatures_.end() ? std::nullopt : std::optional(signature->second)));
  }
  return check.finish();
}

SimLedger::SimLedger(Loop& loop, SimDisk& disk, std::string station)
    : loop_(loop),
      disk_(disk),
      station_(std::move(station)),
      key_(key_of(station_)),
      writer_(disk.writer_),
      worker_(loop.port().start_workers("ledger", 1)),
      queue_(loop, [this](std::vector<LedgerEvent> events) { return commit(std::move(events)); }) {}

SimLedger::~SimLedger() = default;

Task<> SimLedger::close() {
  return queue_.close();
}

Error SimLedger::broken() const {
  return {Code::kIo, "the simulated disk is full: free space on it"};
}

Task<Result<LedgerState>> SimLedger::open() {
  queue_.shut();
  const UtcTime now = loop_.utc_now();
  auto state = co_await offload(*worker_, [this, now] { return open_now(now); });
  if (state) queue_.open(disk_.entries_.back().id);
  co_return state;
}

Result<LedgerState> SimLedger::open_now(UtcTime now) {
  is_open_ = false;
  if (disk_.broken_ || is_dead()) return broken();
  is_open_ = true;
  if (disk_.entries_.empty()) TRY_STATUS(write({LedgerBegan{station_, key_.public_key()}}, now));
  LedgerState state;
  std::map<EventId, std::string> qualified_slots;
  for (const Entry& entry : disk_.entries_) {
    follow(state, entry);
    follow_qualification(state, qualified_slots, entry);
  }
  state.unacknowledged = find_unacknowledged(disk_.entries_);
  return state;
}

Task<Result<EventId>> SimLedger::commit(std::vector<LedgerEvent> events) {
  if (disk_.dice_.chance(disk_.faults_.slow)) {
    CO_TRY_STATUS(co_await sleep_for(disk_.dice_.between(kSlowMin, kSlowMax)));
  }
  const UtcTime now = loop_.utc_now();
  co_return co_await offload(
      *worker_, [this, now, events = std::move(events)] { return write_or_fail(events, now); });
}

Result<EventId> SimLedger::write_or_fail(const std::vector<LedgerEvent>& events, UtcTime now) {
  const bool fails = disk_.dice_.chance(disk_.faults_.failing);
  const bool writes = !fails || disk_.dice_.chance(500);
  if (!is_open_) return Error(Code::kClosed, "the ledger is not open");
  if (disk_.broken_ || is_dead() || std::exchange(disk_.fail_before_, false) || !writes) {
    is_open_ = false;
    return broken();
  }
  auto id = write(events, now);
  if (std::exchange(disk_.fail_after_, false) || fails) {
    is_open_ = false;
    return broken();
  }
  return id;
}

Result<EventId> SimLedger::write(const std::vector<LedgerEvent>& events, UtcTime now) {
  std::uint64_t n = disk_.entries_.size();
  const EventId first = {1, n + 1};
  for (const LedgerEvent& event : events) {
    Entry entry = {{1, ++n}, station_, now, event};
    sign_qualification(key_, entry);
    // Through the bytes, as on a real disk.
    StoredEvent stored = {entry.id, encode_entry(entry), {}};
    TRY(Entry read, decode_entry(stored.bytes));
    const Sha256Digest before = disk_.stored_.empty() ? Sha256Digest() : disk_.stored_.back().hash;
    stored.hash = chain(before, stored.bytes);
    disk_.stored_.push_back(std::move(stored));
    disk_.entries_.push_back(std::move(read));
  }
  const StoredEvent& newest = disk_.stored_.back();
  disk_.noted_ = sign_head(key_, station_, newest.id, newest.hash);
  disk_.signatures_[newest.id.n] = disk_.noted_.signature;
  return first;
}

Task<Result<std::vector<Entry>>> SimLedger::entries(EventId after, std::size_t entries_max) {
  co_return co_await offload(*worker_, [=, this]() -> Result<std::vector<Entry>> {
    std::vector<Entry> found;
    for (const Entry& entry : disk_.entries_) {
      if (after < entry.id && found.size() < entries_max) found.push_back(entry);
    }
    return found;
  });
}

Task<Result<Entry>> SimLedger::entry(EventId id) {
  co_return co_await offload(*worker_, [=, this]() -> Result<Entry> {
    const auto found = std::ranges::find(disk_.entries_, id, &Entry::id);
    if (found != disk_.entries_.end()) return *found;
    return Error(Code::kNotFound, "there is no event {}", id.to_string());
  });
}

Task<Result<std::optional<Entry>>> SimLedger::request(std::string request) {
  co_return co_await offload(*worker_, [=, this]() -> Result<std::optional<Entry>> {
    for (const Entry& entry : disk_.entries_) {
      const std::string* named = request_of(entry.event);
      if (named != nullptr && *named == request) return entry;
    }
    return std::optional<Entry>();
  });
}

Task<Result<std::optional<std::string>>> SimLedger::other_holder(std::string number,
                                                                 std::string uid) {
  co_return co_await offload(*worker_, [=, this]() -> Result<std::optional<std::string>> {
    for (const Entry& entry : disk_.entries_) {
      const auto* start = std::get_if<AttemptStarted>(&entry.event);
      if (start == nullptr || start->uid == uid) continue;
      if (std::ranges::find(start->numbers, number, &UnitNumber::value) != start->numbers.end()) {
        return start->uid;
      }
    }
    return std::optional<std::string>();
  });
}

Task<Result<EventId>> SimLedger::cursor(std::string outbox) {
  co_return co_await offload(*worker_, [=, this]() -> Result<EventId> {
    if (disk_.broken_ || is_dead()) return broken();
    const auto found = disk_.cursors_.find(outbox);
    return found == disk_.cursors_.end() ? EventId() : found->second;
  });
}

Task<Status> SimLedger::keep_cursor(std::string outbox, EventId cursor) {
  co_return co_await offload(*worker_, [=, this]() -> Status {
    const bool fails = disk_.dice_.chance(disk_.faults_.failing);
    if (disk_.broken_ || is_dead() || fails) return broken();
    disk_.cursors_[outbox] = cursor;
    return {};
  });
}

Task<Result<bool>> SimLedger::is_sound(std::string uid) {
  co_return co_await offload(*worker_, [=, this]() -> Result<bool> {
    std::map<EventId, AttemptEnded> ends;
    for (const Entry& entry : disk_.entries_) {
      if (const auto* end = std::get_if<AttemptEnded>(&entry.event)) ends[end->attempt] = *end;
    }
    SoundCells cells;
    for (const Entry& entry : disk_.entries_ | std::views::reverse) {
      const auto* start = std::get_if<AttemptStarted>(&entry.event);
      if (start == nullptr || start->uid != uid) continue;
      AttemptRow attempt;
      attempt.started = *start;
      if (const auto end = ends.find(entry.id); end != ends.end()) attempt.end = end->second;
      const auto job = std::ranges::find(disk_.entries_, start->job, &Entry::id);
      const auto* of_job =
          job == disk_.entries_.end() ? nullptr : std::get_if<JobStarted>(&job->event);
      if (of_job != nullptr) attempt.image_extents = of_job->image_extents;
      if (!cells.take(attempt)) return false;
    }
    return true;
  });
}

Task<Result<std::optional<UnitRow>>> SimLedger::unit(std::string uid) {
  co_return co_await offload(*worker_, [=, this]() -> Result<std::optional<UnitRow>> {
    std::optional<UnitRow> unit;
    for (const Entry& entry : disk_.entries_) {
      if (const auto* start = std::get_if<AttemptStarted>(&entry.event)) {
        if (start->uid != uid) continue;
        if (!unit) unit.emplace().uid = uid;
        ++unit->attempts;
        unit->last_attempt = entry.id;
        unit->last_verdict.reset();
        unit->last_qualification = {};
        for (const UnitNumber& number : start->numbers) add_number(*unit, number);
      } else if (const auto* end = std::get_if<AttemptEnded>(&entry.event)) {
        if (!unit || end->attempt != unit->last_attempt) continue;
        unit->last_verdict = end->verdict;
        unit->last_qualification = end->qualification;
      }
    }
    return unit;
  });
}

}  // namespace gangd::sim
