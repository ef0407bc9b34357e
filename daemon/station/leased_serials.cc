#include "station/leased_serials.h"

#include <fmt/format.h>

#include <algorithm>

namespace gangd {
namespace {

// A product's number has at most 15 digits.
constexpr std::uint64_t kNumberMax = 999'999'999'999'999;

}  // namespace

void LeasedSerials::restore(std::vector<SerialLease> leases, std::uint32_t epoch) {
  leases_ = std::move(leases);
  epoch_ = epoch;
}

bool LeasedSerials::has(const std::string& pool) const {
  return std::ranges::find(leases_, pool, &SerialLease::pool) != leases_.end();
}

std::uint64_t LeasedSerials::left(const std::string& pool) const {
  std::uint64_t sum = 0;
  for (const SerialLease& lease : leases_) {
    if (lease.pool != pool || lease.event.epoch != epoch_) continue;
    sum += lease.first + lease.count - lease.next;
  }
  return sum;
}

std::optional<std::uint64_t> LeasedSerials::take(const std::string& pool) {
  for (SerialLease& lease : leases_) {
    if (lease.pool != pool || lease.event.epoch != epoch_) continue;
    if (lease.next < lease.first + lease.count) return lease.next++;
  }
  return std::nullopt;
}

std::string LeasedSerials::next_request(const std::string& pool) const {
  const auto before = std::ranges::count_if(leases_, [&](const SerialLease& lease) {
    return lease.pool == pool && lease.event.epoch == epoch_;
  });
  return fmt::format("{}/{}/{}", pool, epoch_, before + 1);
}

Status LeasedSerials::check(const std::string& pool, std::uint64_t first,
                            std::uint64_t count) const {
  if (count == 0 || count > kNumberMax || first > kNumberMax - count) {
    return Error(Code::kMismatch,
                 "the MES gave {} numbers of pool {} from {} on: numbers have at most 15 digits",
                 count, pool, first);
  }
  for (const SerialLease& lease : leases_) {
    if (lease.pool != pool || lease.first >= first + count || first >= lease.first + lease.count) {
      continue;
    }
    return Error(Code::kMismatch,
                 "the MES gave numbers {} to {} of pool {}, of which this station was given some "
                 "before ({}): they are not used; call the MES's people",
                 first, first + count - 1, pool, lease.event.to_string());
  }
  return {};
}

}  // namespace gangd
