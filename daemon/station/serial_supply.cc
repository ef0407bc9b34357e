#include "station/serial_supply.h"

#include <algorithm>
#include <chrono>

#include "loop/sleep.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPauseMin = 1s;
// A line that has run out waits no longer than this after the MES is back.
constexpr Duration kPauseMax = 10s;

}  // namespace

SerialSupply::SerialSupply(Loop& loop, Records& records, MesLink& mes,
                           std::function<void()> changed)
    : loop_(loop),
      records_(records),
      mes_(mes),
      changed_(std::move(changed)),
      filling_(loop, "serials") {}

Task<> SerialSupply::stop() {
  filling_.cancel();
  co_await filling_.join();
}

void SerialSupply::keep(const std::string& pool, const std::string& product, std::uint64_t ahead) {
  const auto [place, is_new] = pools_.try_emplace(pool);
  place->second.product = product;
  place->second.ahead = ahead;
  if (is_new) filling_.spawn("pool " + pool, fill(pool));
  wanted_.notify();
}

Result<std::uint64_t> SerialSupply::take(const std::string& pool) {
  const auto number = records_.leased().take(pool);
  wanted_.notify();
  if (number) return *number;
  const auto found = pools_.find(pool);
  const std::string reason = found == pools_.end() || found->second.trouble.empty()
                                 ? "the MES was asked for more"
                                 : found->second.trouble;
  return Error(Code::kExhausted, "no number of pool {} is left: {}", pool, reason);
}

std::string SerialSupply::trouble() const {
  for (const auto& [name, pool] : pools_) {
    if (!pool.trouble.empty()) return pool.trouble;
  }
  return {};
}

Task<> SerialSupply::fill(std::string name) {
  Duration pause = kPauseMin;
  while (true) {
    const Pool& pool = pools_[name];
    if (records_.leased().left(name) >= pool.ahead) {
      if (!co_await wanted_.wait()) co_return;
      continue;
    }
    const Status leased = co_await lease(
        name, {records_.leased().next_request(name), name, pool.product, pool.ahead});
    if (leased.failed_with(Code::kCancelled)) co_return;
    note(name, leased);
    if (leased) {
      pause = kPauseMin;
      continue;
    }
    if (!co_await sleep_for(pause)) co_return;
    pause = std::min(2 * pause, kPauseMax);
  }
}

Task<Status> SerialSupply::lease(std::string name, MesLease wanted) {
  const std::string request = wanted.request;
  CO_TRY(const MesNumbers given, co_await mes_.lease(std::move(wanted)));
  // The same numbers may have been found on record meanwhile, after a failure of the ledger.
  if (records_.leased().next_request(name) != request) co_return Status();
  CO_TRY_STATUS(records_.check_pool(name, true));
  CO_TRY_STATUS(records_.leased().check(name, given.first, given.count));
  const auto id = co_await records_.append(SerialsLeased{name, request, given.first, given.count});
  co_return id ? Status() : Status(id.error());
}

void SerialSupply::note(const std::string& name, const Status& status) {
  std::string& trouble = pools_[name].trouble;
  const std::string now = status ? "" : "pool " + name + ": " + status.error().message();
  if (!status && now != trouble) loop_.log(Severity::kWarning, "no more numbers: {}", now);
  leases_ += status ? 1 : 0;
  const bool is_news = status || now != trouble;
  trouble = now;
  if (is_news) changed_();
}

}  // namespace gangd
