#include "station/outbox.h"

#include <algorithm>
#include <chrono>

#include "loop/deadline.h"
#include "loop/sleep.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr const char* kName = "mes";
constexpr Duration kPauseMin = 500ms;
constexpr Duration kPauseMax = 10s;
constexpr std::size_t kPage = 100;
// Keeping the cursor syncs the disk. After a kill at most so many are told again.
constexpr std::uint64_t kToldMax = 32;
constexpr Duration kFarewellLimit = 2s;

}  // namespace

Outbox::Outbox(Loop& loop, Ledger& ledger, MesLink& mes, std::function<void()> changed)
    : loop_(loop),
      ledger_(ledger),
      mes_(mes),
      changed_(std::move(changed)),
      sending_(loop, "outbox") {}

void Outbox::start() {
  sending_.spawn("mes", run());
}

Task<> Outbox::stop() {
  sending_.cancel();
  co_await sending_.join();
}

Task<> Outbox::run() {
  Duration pause = kPauseMin;
  while (true) {
    const EventId before = cursor_;
    const Status sent = co_await send();
    if (sent.failed_with(Code::kCancelled)) break;
    note(sent);
    if (sent || cursor_ != before) pause = kPauseMin;
    if (sent) continue;
    if (!co_await sleep_for(pause)) break;
    pause = std::min(2 * pause, kPauseMax);
  }
  if (told_since_kept_ > 0) (void)co_await shielded(kFarewellLimit, keep_cursor());
}

Task<Status> Outbox::read_cursor() {
  if (has_cursor_) co_return Status();
  CO_TRY(cursor_, co_await ledger_.cursor(kName));
  has_cursor_ = true;
  co_return Status();
}

Task<Status> Outbox::send() {
  CO_TRY_STATUS(co_await read_cursor());
  // What is behind it may not be durable.
  const EventId newest = ledger_.newest();
  CO_TRY(const std::vector<Entry> entries, co_await ledger_.entries(cursor_, kPage));
  for (const Entry& entry : entries) {
    if (newest < entry.id) break;
    if (const auto* end = std::get_if<AttemptEnded>(&entry.event)) {
      CO_TRY(MesReport report, co_await make_report(entry, *end));
      CO_TRY_STATUS(co_await mes_.report(std::move(report)));
      ++told_since_kept_;
    }
    cursor_ = entry.id;
    if (told_since_kept_ >= kToldMax) CO_TRY_STATUS(co_await keep_cursor());
  }
  if (cursor_ < newest && !entries.empty()) co_return Status();
  if (told_since_kept_ > 0) CO_TRY_STATUS(co_await keep_cursor());
  note(Status());
  co_return co_await ledger_.grown(newest);
}

Task<Result<MesReport>> Outbox::make_report(Entry entry, AttemptEnded end) {
  CO_TRY(Entry start, co_await ledger_.entry(end.attempt));
  MesReport report;
  report.event = entry.id;
  report.ended_at = entry.at;
  report.started_at = start.at;
  report.end = std::move(end);
  auto* attempt = std::get_if<AttemptStarted>(&start.event);
  if (attempt != nullptr) report.attempt = std::move(*attempt);
  CO_TRY(Entry order, co_await ledger_.entry(report.attempt.job));
  auto* job = std::get_if<JobStarted>(&order.event);
  if (job != nullptr) report.job = std::move(*job);
  if (attempt != nullptr && job != nullptr) co_return report;
  co_return Error(Code::kMismatch, "event {} ends no attempt: type gangctl audit verify",
                  entry.id.to_string());
}

Task<Status> Outbox::keep_cursor() {
  const EventId cursor = cursor_;
  CO_TRY_STATUS(co_await ledger_.keep_cursor(kName, cursor));
  told_since_kept_ = 0;
  co_return Status();
}

void Outbox::note(const Status& status) {
  const std::string trouble = status ? "" : status.error().message();
  if (trouble == trouble_) return;
  if (!status) {
    loop_.log(Severity::kWarning, "reports wait in the ledger, none is lost: {}", trouble);
  } else {
    loop_.log(Severity::kInfo, "the MES has all reports");
  }
  trouble_ = trouble;
  changed_();
}

}  // namespace gangd
