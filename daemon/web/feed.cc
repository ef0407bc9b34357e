#include "web/feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "web/convert.h"
#include "web/json_text.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// A page calls itself stale when it has heard nothing for 1.5 s.
constexpr Duration kBeat = 400ms;
// A person sees no more; progress in between is skipped.
constexpr Duration kPause = 100ms;
constexpr std::size_t kEventsAtOnce = 100;
// What a page that is opened shows of the past.
constexpr std::uint64_t kEventsBefore = 300;
// A browser that lost its stream comes back after this.
constexpr auto kRetry = 500ms;

std::string event_text(std::string_view type, std::string_view json) {
  return fmt::format("event: {}\ndata: {}\n\n", type, json);
}

}  // namespace

Feed::Feed(WebCalls& calls, Station& station, Ledger& ledger, std::string after)
    : calls_(calls), station_(station), ledger_(ledger), after_(std::move(after)) {}

Task<Result<std::string>> Feed::next() {
  if (!began_) {
    CO_TRY_STATUS(co_await find_cursor());
    head_ = fmt::format("retry: {}\n\n", kRetry.count()) + head_;
    began_ = true;
  } else if (!has_more_) {
    CO_TRY_STATUS(co_await wait_for_news());
  }
  std::string text = std::exchange(head_, "");
  revision_ = station_.revision();
  text += shown();
  if (cursor_ != ledger_.newest()) {
    CO_TRY(const Events events, co_await calls_.read([cursor = cursor_](LedgerReader& reader) {
      return read_events(reader, cursor);
    }));
    text += events.text;
    cursor_ = events.cursor;
    has_more_ = !events.is_last;
  } else {
    has_more_ = false;
  }
  co_return text + "event: beat\ndata: {}\n\n";
}

Task<Status> Feed::wait_for_news() {
  CO_TRY_STATUS(co_await sleep_for(kPause));
  const Status changed = co_await with_timeout(kBeat, station_.changed(revision_));
  co_return changed.failed_with(Code::kTimeout) ? Status() : changed;
}

Task<Status> Feed::find_cursor() {
  if (!after_.empty()) {
    const auto token = EventId::parse(after_);
    Result<Entry> entry = Error(Code::kNotFound, "");
    if (token) {
      entry =
          co_await calls_.read([id = *token](LedgerReader& reader) { return reader.entry(id); });
    }
    if (entry) {
      cursor_ = *token;
      co_return Status();
    }
    if (!entry.failed_with(Code::kNotFound)) co_return entry.error();
    head_ = event_text("reset", "{}");
  }
  // Events are numbered without a gap through all epochs.
  const EventId newest = ledger_.newest();
  cursor_ = {newest.epoch, newest.n - std::min(newest.n, kEventsBefore)};
  co_return Status();
}

Result<Feed::Events> Feed::read_events(LedgerReader& reader, EventId cursor) {
  Events events;
  events.cursor = cursor;
  TRY(const std::vector<StoredEvent> stored, reader.events(cursor, kEventsAtOnce));
  events.is_last = stored.size() < kEventsAtOnce;
  for (const StoredEvent& event : stored) {
    TRY(const Entry entry, decode_entry(event.bytes));
    JsonObject json;
    // Canonical bytes have no line ends.
    json.text("token", event.id.to_string()).json("record", event.bytes);
    if (const auto* end = std::get_if<AttemptEnded>(&entry.event)) {
      TRY(const AttemptRow attempt, reader.attempt(end->attempt));
      json.json("attempt", to_json(attempt));
    }
    events.text += fmt::format("id: {}\n", event.id.to_string()) + event_text("ledger", json.end());
    events.cursor = event.id;
  }
  return events;
}

std::string Feed::shown() {
  std::string text;
  std::vector<std::string> jobs;
  for (const JobView& job : station_.jobs()) jobs.push_back(to_json(job));
  std::vector<std::string> names;
  for (const SlotView& slot : station_.slots()) names.push_back(json_string(slot.name));
  std::string station = JsonObject()
                            .json("station", to_json(station_.view()))
                            .json("jobs", json_array(jobs))
                            .json("slots", json_array(names))
                            .end();
  if (station != station_sent_) text += event_text("station", station);
  station_sent_ = std::move(station);
  for (const SlotView& slot : station_.slots()) {
    const auto [sent, is_new] = slots_sent_.try_emplace(slot.name, slot.revision);
    if (!is_new && sent->second == slot.revision) continue;
    sent->second = slot.revision;
    text += event_text("slot", to_json(slot));
  }
  return text;
}

}  // namespace gangd
