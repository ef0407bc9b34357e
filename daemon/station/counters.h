// StationCounters: what the station has counted since it began, for whoever draws it over time.
// Plain values that only grow. What must be proven is in the ledger, not here.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/verdict.h"
#include "loop/clock.h"

namespace gangd {

// How often a value lay where. The bounds are upper ones, growing, and outlive it.
class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds)
      : bounds_(bounds), counts_(bounds.size() + 1) {}

  void add(double value);

  std::span<const double> bounds() const { return bounds_; }
  // Those up to and with each bound and above the one before; the last: above all.
  const std::vector<std::uint64_t>& counts() const { return counts_; }
  double sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
};

// By Verdict.
using VerdictCounts = std::array<std::uint64_t, 3>;

// A board of some kilobytes takes less than the first, a large memory over a slow bus minutes.
inline constexpr double kCycleSeconds[] = {0.5, 1,  2,  5,   10,  15,  20,  30,
                                           45,  60, 90, 120, 180, 300, 600, 1800};
// A disk that syncs well takes some milliseconds; one that is failing, seconds.
inline constexpr double kCommitSeconds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                            0.1,   0.25,   0.5,   1,    2.5,   10};

struct ProductCounts {
  VerdictCounts attempts{};
  VerdictCounts unqualified{};           // of them
  std::map<Code, std::uint64_t> errors;  // that ended attempts without PASS
  Histogram cycle{kCycleSeconds};        // of those that passed
  std::uint64_t bytes_written = 0;
  std::uint64_t bytes_found_same = 0;   // that were to be written, and were there
  std::uint64_t bytes_found_blank = 0;  // that were to be erased, and were not
};

struct LedgerCounts {
  Histogram commit{kCommitSeconds};  // from asking for an event to its being durable
  std::uint64_t failures = 0;
};

// One attempt that has ended, and whose end is durable.
struct CountedAttempt {
  std::string product;
  std::string slot;
  Verdict verdict = Verdict::kUnknown;
  Code code = Code::kCancelled;  // without PASS
  Duration took{};
  std::uint64_t bytes_written = 0;
  std::uint64_t bytes_found_same = 0;
  std::uint64_t bytes_found_blank = 0;
  bool unqualified = true;  // nobody has qualified its kind of board
};

struct StationCounters {
  // A station that is told ever new products for years must not count ever more: those beyond are
  // counted as one.
  static constexpr std::size_t kProductsMax = 100;
  static constexpr std::string_view kOtherProducts = "(others)";

  UtcTime began{};
  std::map<std::string, ProductCounts> products;  // that had a job
  std::map<std::string, VerdictCounts> slots;     // that had an attempt
  std::map<std::string, VerdictCounts> slots_unqualified;
  LedgerCounts ledger;

  ProductCounts& product(const std::string& name);
  void count(const CountedAttempt& attempt);
};

}  // namespace gangd
