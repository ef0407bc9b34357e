#include "station/denials.h"

#include <chrono>

#include "loop/deadline.h"
#include "loop/sleep.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// That wait for the loop; it takes them within milliseconds.
constexpr std::size_t kWaitingMax = 64;
// With two records for each in an hour, 400 bytes long, a flood without end makes 0.6 MB in a day.
constexpr std::size_t kKindsMax = 32;
constexpr Duration kSweepPause = 1h;
// To record the counts when gangd stops; a ledger that takes longer is out of order.
constexpr Duration kLastSweepLimit = 5s;

}  // namespace

Denials::Denials(Loop& loop, Record record)
    : loop_(loop),
      record_(std::move(record)),
      mailbox_(loop.port(), kWaitingMax, Overflow::kRefuse),
      scope_(loop, "denials") {}

void Denials::start() {
  scope_.spawn("receive", receive());
  scope_.spawn("sweep", sweep());
}

Task<> Denials::stop() {
  mailbox_.close();
  scope_.cancel();
  co_await scope_.join();
  // What is left is counted, and not more.
  while (auto denial = co_await mailbox_.pop()) {
    counts_[{denial->role, denial->subject, denial->method, denial->reason}] += denial->count;
  }
  (void)co_await shielded(kLastSweepLimit, record_counts());
}

void Denials::add(AccessDenied denial) {
  if (!mailbox_.push(std::move(denial))) ++overflown_;
}

Task<> Denials::receive() {
  while (auto denial = co_await mailbox_.pop()) take(*std::move(denial));
}

void Denials::take(AccessDenied denial) {
  Kind kind(denial.role, denial.subject, denial.method, denial.reason);
  const bool is_known = counts_.contains(kind);
  if (!is_known && counts_.size() >= kKindsMax) {
    ++overflown_;
    return;
  }
  counts_[kind] += denial.count;
  if (is_known) return;
  loop_.log(Severity::kWarning, "refused: {}{}{}", denial.subject,
            denial.subject.empty() ? "" : ": ", denial.reason);
  scope_.spawn("record", put_on_record(std::move(kind)));
}

Task<> Denials::put_on_record(Kind kind) {
  const std::uint64_t count = std::exchange(counts_[kind], 0);
  const auto& [role, subject, method, reason] = kind;
  const Status recorded = co_await record_({role, subject, method, reason, count});
  if (!recorded) counts_[kind] += count;
}

Task<> Denials::sweep() {
  while (co_await sleep_for(kSweepPause)) (void)co_await record_counts();
}

// Kinds that had none since the last time are forgotten: theirs is the first again.
Task<Status> Denials::record_counts() {
  if (const std::uint64_t count = overflown_.exchange(0); count > 0) {
    counts_[{"", "", "", "more refusals than are recorded one by one"}] += count;
  }
  std::vector<Kind> kinds;
  std::erase_if(counts_, [](const auto& entry) { return entry.second == 0; });
  for (const auto& entry : counts_) kinds.push_back(entry.first);
  for (const Kind& kind : kinds) co_await put_on_record(kind);
  co_return Status();
}

}  // namespace gangd
