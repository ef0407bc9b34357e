#include "station/counters.h"

#include <algorithm>

namespace gangd {

void Histogram::add(double value) {
  const auto bound = std::ranges::lower_bound(bounds_, value);
  ++counts_[static_cast<std::size_t>(bound - bounds_.begin())];
  sum_ += value;
}

ProductCounts& StationCounters::product(const std::string& name) {
  const bool is_new = !products.contains(name);
  if (is_new && products.size() >= kProductsMax) return products[std::string(kOtherProducts)];
  return products[name];
}

void StationCounters::count(const CountedAttempt& attempt) {
  const auto verdict = static_cast<std::size_t>(attempt.verdict);
  ++slots[attempt.slot][verdict];
  ProductCounts& counts = product(attempt.product);
  ++counts.attempts[verdict];
  if (attempt.unqualified) {
    ++slots_unqualified[attempt.slot][verdict];
    ++counts.unqualified[verdict];
  }
  counts.bytes_written += attempt.bytes_written;
  counts.bytes_found_same += attempt.bytes_found_same;
  counts.bytes_found_blank += attempt.bytes_found_blank;
  if (attempt.verdict == Verdict::kPass) {
    counts.cycle.add(std::chrono::duration<double>(attempt.took).count());
  } else {
    ++counts.errors[attempt.code];
  }
}

}  // namespace gangd
