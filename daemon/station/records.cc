#include "station/records.h"

#include <algorithm>
#include <chrono>

#include "loop/sleep.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// A person frees the disk in minutes; looking more often would only fill the log.
constexpr Duration kMendPause = 2s;
constexpr std::size_t kFindPage = 100;

AttemptEnded interrupted_attempt(EventId attempt) {
  AttemptEnded ended;
  ended.attempt = attempt;
  ended.verdict = Verdict::kUnknown;
  ended.code = name(Code::kCancelled);
  ended.reason = "interrupted: gangd ended before the attempt did; program the board again";
  return ended;
}

// What both would be written as: what is no UTF-8 is written differently from what it was.
bool is_record_of(const Entry& entry, const LedgerEvent& event) {
  return encode_entry(entry) == encode_entry({entry.id, entry.station, entry.at, event});
}

Error no_attempt(EventId id) {
  return {Code::kMismatch,
          "{} is no attempt that ended: type gangctl audit verify, and rebuild if the events are "
          "right",
          id.to_string()};
}

}  // namespace

Records::Records(Loop& loop, Ledger& ledger, std::function<void()> changed)
    : loop_(loop), ledger_(ledger), changed_(std::move(changed)), mending_(loop, "ledger") {}

Task<Status> Records::open(std::string version) {
  CO_TRY(LedgerState state, co_await ledger_.open());
  unacknowledged_ = state.unacknowledged;
  qualifications_ = state.qualifications;
  CO_TRY_STATUS(co_await end_the_dead({DaemonStarted{std::move(version)}}, std::move(state)));
  in_order_ = true;
  mending_.spawn("mend", mend());
  co_return Status();
}

Task<> Records::stop() {
  given_up_ = true;
  turned_.notify();
  mending_.cancel();
  co_await mending_.join();
}

Task<Status> Records::end_the_dead(std::vector<LedgerEvent> first, LedgerState state) {
  std::vector<LedgerEvent> events = std::move(first);
  for (const EventId attempt : state.open_attempts) {
    CO_TRY(const bool lives, co_await is_alive(attempt));
    if (!lives) events.emplace_back(interrupted_attempt(attempt));
  }
  for (const EventId job : state.open_jobs) {
    if (!alive_.contains(job)) events.emplace_back(JobEnded{job, "", "gangd", "interrupted"});
  }
  pool_next_ = std::move(state.pool_next);
  leased_.restore(std::move(state.leases), ledger_.newest().epoch);
  CO_TRY_STATUS(co_await read_qualified(std::move(state.qualified)));
  if (events.empty()) co_return Status();
  const auto id = co_await ledger_.append(std::move(events));
  co_return id ? Status() : Status(id.error());
}

// Also after a failure: one may have become durable although the ledger failed.
Task<Status> Records::read_qualified(std::vector<EventId> events) {
  for (const EventId id : events) {
    CO_TRY(const Entry entry, co_await ledger_.entry(id));
    if (const auto* qualified = std::get_if<BoardQualified>(&entry.event)) {
      qualified_[qualified->key()] = id;
    }
  }
  co_return Status();
}

EventId Records::qualification_of(const BoardKey& key) const {
  const auto found = qualified_.find(key);
  return key.is_whole() && found != qualified_.end() ? found->second : EventId();
}

Task<Result<bool>> Records::is_alive(EventId attempt) {
  if (alive_.contains(attempt)) co_return true;
  if (insisting_.empty()) co_return false;
  // It may have become durable although the ledger failed, and its slot will find it.
  CO_TRY(const Entry entry, co_await ledger_.entry(attempt));
  co_return std::ranges::any_of(
      insisting_, [&](const LedgerEvent* event) { return is_record_of(entry, *event); });
}

Task<Result<std::vector<AttemptOutcome>>> Records::unacknowledged_fails() {
  std::vector<AttemptOutcome> outcomes;
  for (const FailedAttempt& failed : unacknowledged_) {
    CO_TRY(const Entry started, co_await ledger_.entry(failed.attempt));
    CO_TRY(const Entry ended, co_await ledger_.entry(failed.end));
    const auto* start = std::get_if<AttemptStarted>(&started.event);
    const auto* end = std::get_if<AttemptEnded>(&ended.event);
    if (start == nullptr || end == nullptr) co_return no_attempt(failed.attempt);
    CO_TRY(const Entry job, co_await ledger_.entry(start->job));
    const auto* order = std::get_if<JobStarted>(&job.event);
    if (order == nullptr) co_return no_attempt(failed.attempt);
    outcomes.push_back(make_outcome(*start, order->image_extents, *end, ended.id));
  }
  co_return outcomes;
}

Task<Result<EventId>> Records::append(LedgerEvent event) {
  if (!in_order_) co_return Error(Code::kIo, "the ledger is out of order: {}", trouble_);
  const Instant began = loop_.now();
  auto id = co_await ledger_.append({event});
  if (id) {
    counts_.commit.add(std::chrono::duration<double>(loop_.now() - began).count());
    note(event, *id);
  } else if (!id.failed_with(Code::kCancelled)) {
    fail(id.error());
  }
  co_return id;
}

Task<Result<EventId>> Records::append_surely(LedgerEvent event) {
  insisting_.push_back(&event);
  auto id = co_await insist(event);
  std::erase(insisting_, &event);
  co_return id;
}

Task<Result<EventId>> Records::insist(const LedgerEvent& event) {
  EventId before = ledger_.newest();
  while (!given_up_) {
    if (in_order_) {
      // What failed may be durable all the same.
      const auto found = co_await find(before, event);
      if (found && *found != EventId()) {
        note(event, *found);
        co_return *found;
      }
      if (found) {
        auto id = co_await append(event);
        if (id) co_return id;
      } else {
        fail(found.error());
      }
    } else {
      CO_TRY_STATUS(co_await turned_.wait());
    }
  }
  co_return Error(Code::kClosed, "the station stopped before the ledger was mended");
}

Task<Result<EventId>> Records::find(EventId before, const LedgerEvent& event) {
  while (before < ledger_.newest()) {
    CO_TRY(const std::vector<Entry> entries, co_await ledger_.entries(before, kFindPage));
    for (const Entry& entry : entries) {
      if (is_record_of(entry, event)) co_return entry.id;
      before = entry.id;
    }
    if (entries.empty()) break;
  }
  co_return EventId();
}

Task<> Records::mend() {
  while (true) {
    while (in_order_) {
      if (!co_await turned_.wait()) co_return;
    }
    if (!co_await sleep_for(kMendPause)) co_return;
    auto state = co_await ledger_.open();
    Status status;
    if (state) {
      status = co_await end_the_dead({}, *std::move(state));
    } else {
      status = std::move(state).error();
    }
    if (!status) {
      if (status.failed_with(Code::kCancelled)) co_return;
      fail(status.error());
      continue;
    }
    loop_.log(Severity::kInfo, "the ledger is in order again");
    in_order_ = true;
    trouble_.clear();
    turned_.notify();
    changed_();
  }
}

void Records::fail(const Error& error) {
  ++counts_.failures;
  if (in_order_ || trouble_ != error.message()) {
    loop_.log(Severity::kError, "no boards are taken: {}", error.message());
  }
  in_order_ = false;
  trouble_ = error.message();
  turned_.notify();
  changed_();
}

void Records::note(const LedgerEvent& event, EventId id) {
  if (std::holds_alternative<JobStarted>(event) || std::holds_alternative<AttemptStarted>(event)) {
    alive_.insert(id);
  } else if (const auto* attempt = std::get_if<AttemptEnded>(&event)) {
    alive_.erase(attempt->attempt);
  } else if (const auto* job = std::get_if<JobEnded>(&event)) {
    alive_.erase(job->job);
  } else if (const auto* lease = std::get_if<SerialsLeased>(&event)) {
    leased_.add({id, lease->pool, lease->first, lease->count, lease->first});
  } else if (const auto* qualified = std::get_if<BoardQualified>(&event)) {
    qualified_[qualified->key()] = id;
  }
}

std::uint64_t Records::take_index(const std::string& pool, std::uint64_t first) {
  std::uint64_t& next = pool_next_[pool];
  next = std::max(next, first);
  return next++;
}

Status Records::check_pool(const std::string& pool, bool from_mes) const {
  if (!from_mes && leased_.has(pool)) {
    return Error(Code::kInvalid,
                 "pool \"{}\" is the MES's: say from = \"mes\" in the product's [serial], or name "
                 "another pool",
                 pool);
  }
  if (from_mes && !leased_.has(pool) && pool_next_.contains(pool)) {
    return Error(Code::kInvalid,
                 "pool \"{}\" was counted by this station: name another pool for the MES's numbers",
                 pool);
  }
  return {};
}

Nonce Records::make_nonce() {
  Nonce nonce;
  for (std::size_t i = 0; i < nonce.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t random = loop_.port().random();
    for (std::size_t k = 0; k < sizeof random; ++k) {
      nonce[i + k] = static_cast<std::uint8_t>(random >> (8 * k));
    }
  }
  return nonce;
}

Status Records::claim_unit(const std::string& uid, const std::string& slot) {
  const auto [unit, is_new] = units_.emplace(uid, slot);
  if (is_new) return {};
  return Error(Code::kBusy, "slot {} has a board that says it is the same chip ({})", unit->second,
               uid);
}

Status Records::claim_number(const std::string& number, const std::string& uid) {
  const auto [holder, is_new] = numbers_.emplace(number, uid);
  if (is_new || holder->second == uid) return {};
  return Error(Code::kConflict,
               "serial {} is being given to unit {}: give the products' serials other prefixes, or "
               "one pool",
               number, holder->second);
}

}  // namespace gangd
