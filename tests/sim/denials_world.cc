#include "tests/sim/denials_world.h"

#include <chrono>

#include "loop/sleep.h"
#include "station/denials.h"
#include "station/records.h"
#include "tests/sim/sim_ledger.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

// After the last refusal: a disk that works now and then is found working in this time.
constexpr int kPatienceHours = 72;
// In an hour, whatever happens: a first one and a count for each kind, and what a disk that had
// written them reported as failed.
constexpr std::uint64_t kRecordsAnHour = 80;

class BadDays {
 public:
  explicit BadDays(World& world)
      : world_(world),
        disk_(world.dice().next(), {world.dice().below(200), world.dice().below(100)}),
        ledger_(world.loop(), disk_, "line-1"),
        records_(world.loop(), ledger_, [] {}),
        denials_(world.loop(), [this](AccessDenied denial) { return record(std::move(denial)); }) {}

  Task<> run() {
    while (!co_await records_.open("1.0")) (void)co_await sleep_for(1s);
    const Instant begin = world_.loop().now();
    denials_.start();
    const std::uint64_t rushes = 1 + world_.dice().below(30);
    for (std::uint64_t n = 0; n < rushes; ++n) co_await rush();
    for (int hour = 0; hour < kPatienceHours && counted() < refused_; ++hour) {
      (void)co_await sleep_for(1h);
    }
    world_.promise(counted() >= refused_, "every refusal is on record");
    const auto hours = static_cast<std::uint64_t>((world_.loop().now() - begin) / 1h) + 1;
    world_.promise(recorded() <= hours * kRecordsAnHour, "a flood of refusals is few records");
    world_.note("{} refusals, {} records in {} hours", refused_, recorded(), hours);
    co_await denials_.stop();
    co_await records_.stop();
    co_await ledger_.close();
  }

 private:
  // Some of some kinds, in no time or over hours.
  Task<> rush() {
    const std::uint64_t count = 1 + world_.dice().below(300);
    const std::uint64_t kinds = 1 + world_.dice().below(60);
    const Duration pause_max = world_.dice().chance(500) ? 1ms : 60s;
    for (std::uint64_t n = 0; n < count; ++n) {
      denials_.add({"auditor", fmt::format("CN={}", world_.dice().below(kinds)), "", "refused"});
      ++refused_;
      if (world_.dice().chance(500)) {
        (void)co_await sleep_for(world_.dice().between(0ms, pause_max));
      }
    }
    (void)co_await sleep_for(world_.dice().between(0ms, 3h));
  }

  Task<Status> record(AccessDenied denial) {
    const auto id = co_await records_.append(std::move(denial));
    co_return id ? Status() : Status(id.error());
  }

  std::uint64_t counted() const {
    std::uint64_t sum = 0;
    for (const Entry& entry : disk_.entries()) {
      if (const auto* denial = std::get_if<AccessDenied>(&entry.event)) sum += denial->count;
    }
    return sum;
  }
  std::uint64_t recorded() const {
    std::uint64_t sum = 0;
    for (const Entry& entry : disk_.entries()) {
      sum += std::holds_alternative<AccessDenied>(entry.event);
    }
    return sum;
  }

  World& world_;
  SimDisk disk_;
  SimLedger ledger_;
  Records records_;
  Denials denials_;
  std::uint64_t refused_ = 0;
};

}  // namespace

Task<> run_denials(World& world) {
  BadDays days(world);
  co_await days.run();
}

}  // namespace gangd::sim
