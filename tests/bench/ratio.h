// Comparing two pieces of code on a noisy machine: they run in turn, and each pair gives one ratio.
// The median of the ratios and its confidence interval are what may be judged; seconds are not.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <vector>

namespace gangd::bench {

struct Ratio {
  double median;
  double low;  // 95 % confidence interval of the median
  double high;
  double ns_per_measured;  // medians, to print
  double ns_per_reference;
};

template <std::invocable F>
double ns_of(F& run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

inline double at_rank(std::vector<double>& values, double rank) {
  std::sort(values.begin(), values.end());
  const double last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(std::clamp(rank, 0.0, last))];
}

// Each function runs its own number of operations; the ratio is that of the time of one.
template <std::invocable Measured, std::invocable Reference>
Ratio compare(std::size_t measured_operations, Measured measured, std::size_t reference_operations,
              Reference reference, int pairs = 31) {
  std::vector<double> measured_ns, reference_ns, ratios;
  ns_of(measured);  // warm-up
  ns_of(reference);
  for (int i = 0; i < pairs; ++i) {
    measured_ns.push_back(ns_of(measured) / static_cast<double>(measured_operations));
    reference_ns.push_back(ns_of(reference) / static_cast<double>(reference_operations));
    ratios.push_back(measured_ns.back() / reference_ns.back());
  }
  // The ranks around the middle that hold the median with 95 % (binomial, normal approximation).
  const double middle = (pairs - 1) / 2.0;
  const double margin = 1.96 * std::sqrt(pairs) / 2.0;
  return {at_rank(ratios, middle), at_rank(ratios, std::floor(middle - margin)),
          at_rank(ratios, std::ceil(middle + margin)), at_rank(measured_ns, middle),
          at_rank(reference_ns, middle)};
}

}  // namespace gangd::bench
