// Counters that miss an attempt, or grow without bound over years, mislead whoever draws them.
#include "station/counters.h"

#include <gtest/gtest.h>

#include <chrono>

namespace gangd {
namespace {

using namespace std::chrono_literals;

CountedAttempt attempt_of(const std::string& product, Verdict verdict) {
  return {product, "1", verdict, Code::kTimeout, 1500ms, 10, 20, 30};
}

TEST(CountersTest, AValueLiesInTheFirstBucketThatHoldsIt) {
  static constexpr double kBounds[] = {1, 2};
  Histogram histogram(kBounds);
  for (const double value : {0.0, 1.0, 1.5, 2.0, 2.1}) histogram.add(value);
  EXPECT_EQ(histogram.counts(), (std::vector<std::uint64_t>{2, 2, 1}));
  EXPECT_DOUBLE_EQ(histogram.sum(), 6.6);
}

TEST(CountersTest, OnlyAPassHasACycleAndOnlyOthersAnError) {
  StationCounters counters;
  counters.count(attempt_of("tone", Verdict::kPass));
  counters.count(attempt_of("tone", Verdict::kFail));
  counters.count(attempt_of("tone", Verdict::kUnknown));
  const ProductCounts& tone = counters.products.at("tone");
  EXPECT_EQ(tone.attempts, (VerdictCounts{1, 1, 1}));
  EXPECT_EQ(counters.slots.at("1"), (VerdictCounts{1, 1, 1}));
  EXPECT_DOUBLE_EQ(tone.cycle.sum(), 1.5);
  EXPECT_EQ(tone.errors, (std::map<Code, std::uint64_t>{{Code::kTimeout, 2}}));
  EXPECT_EQ(tone.bytes_written, 30U);
  EXPECT_EQ(tone.bytes_found_same, 60U);
  EXPECT_EQ(tone.bytes_found_blank, 90U);
}

TEST(CountersTest, ProductsBeyondTheBoundAreCountedAsOne) {
  StationCounters counters;
  for (int i = 0; i < 300; ++i) {
    counters.count(attempt_of("product-" + std::to_string(i), Verdict::kPass));
  }
  EXPECT_EQ(counters.products.size(), StationCounters::kProductsMax + 1);
  const std::string others(StationCounters::kOtherProducts);
  EXPECT_EQ(counters.products.at(others).attempts[0], 300 - StationCounters::kProductsMax);
  // One that was counted on its own still is.
  counters.count(attempt_of("product-7", Verdict::kPass));
  EXPECT_EQ(counters.products.at("product-7").attempts[0], 2U);
}

}  // namespace
}  // namespace gangd
