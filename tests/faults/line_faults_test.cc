// A frame that does not arrive as it was sent: each fault at each frame of an attempt, both ways.
// Once, it must cost nothing but time; for good, it must end in a FAIL that says so; and then the
// board must take everything again.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/faults/faulty_bench.h"
#include "tests/faults/faulty_part.h"

namespace gangd {
namespace {

using sim::LineFault;
using sim::LineFaults;
using Way = LineFaults::Way;

constexpr std::uint64_t kForGood = 1'000'000;
// Three frames of WRITE: enough for one to be overtaken.
constexpr std::size_t kImageBytes = 14'000;

// What an operator must read when it goes on for good.
struct Row {
  LineFault fault;
  Way way;
  std::array<std::string_view, 4> words;  // one of these
};

constexpr std::string_view kNoAnswer = "an answer: no end within";
constexpr std::string_view kLost = "the board has lost a frame";
constexpr std::string_view kUnasked = "which was not asked";
constexpr std::string_view kDamagedAnswer = "a damaged frame came from the board";

constexpr Row kRows[] = {
    {LineFault::kDamaged, Way::kOut, {kNoAnswer, kLost}},
    {LineFault::kLost, Way::kOut, {kNoAnswer, kLost}},
    {LineFault::kRepeated, Way::kOut, {kLost, kUnasked}},
    {LineFault::kReordered, Way::kOut, {kNoAnswer, kLost}},
    {LineFault::kShort, Way::kOut, {kNoAnswer, kLost}},
    {LineFault::kStalled, Way::kOut, {"a request: stalled"}},
    {LineFault::kBroken, Way::kOut, {"a request: the transfer failed on the bus"}},
    {LineFault::kDamaged, Way::kIn, {kDamagedAnswer, kNoAnswer}},
    {LineFault::kLost, Way::kIn, {kNoAnswer}},
    {LineFault::kRepeated, Way::kIn, {kUnasked}},
    {LineFault::kReordered, Way::kIn, {kNoAnswer, kUnasked}},
    {LineFault::kShort, Way::kIn, {kDamagedAnswer}},
    {LineFault::kStalled, Way::kIn, {"an answer: stalled"}},
    {LineFault::kBroken, Way::kIn, {"an answer: the transfer failed on the bus"}},
};

class LineFaultsTest : public testing::TestWithParam<FaultyPart> {
 protected:
  // An attempt with all of its work to do.
  Attempt attempt_with(const LineFaults::Order& order) {
    bench_.soil();
    bench_.line().clear();
    bench_.line().order(order);
    Attempt attempt = bench_.attempt();
    seen_ = bench_.line().frames(order.way);
    bench_.line().clear();
    EXPECT_LT(bench_.took(), FaultyBench::limit());
    if (attempt.verdict == Verdict::kPass) {
      EXPECT_TRUE(bench_.holds());
    }
    return attempt;
  }
  std::uint64_t frames_of_a_healthy_attempt(Way way) {
    EXPECT_EQ(attempt_with({.way = way, .first = kForGood}).verdict, Verdict::kPass);
    return seen_;
  }
  void expect_pass() {
    const Attempt again = bench_.attempt();
    EXPECT_EQ(again.verdict, Verdict::kPass) << reason_of(again);
    EXPECT_TRUE(bench_.holds());
  }

  FaultyBench bench_{
      {.part = GetParam().name, .image_bytes = kImageBytes, .timed = GetParam().timed}};
  std::uint64_t seen_ = 0;  // frames of the way, in the last attempt
};

TEST_P(LineFaultsTest, OneFaultAtAnyFrameIsSurvived) {
  std::uint64_t planted = 0;
  for (const Row& row : kRows) {
    const std::uint64_t frames = frames_of_a_healthy_attempt(row.way);
    for (std::uint64_t n = 0; n < frames; ++n) {
      SCOPED_TRACE(fmt::format("{} {} at frame {}", name(row.fault),
                               row.way == Way::kOut ? "out" : "in", n));
      const Attempt attempt = attempt_with({row.fault, row.way, n});
      EXPECT_EQ(attempt.verdict, Verdict::kPass) << reason_of(attempt);
      planted += seen_ > n;
    }
  }
  fmt::print("{}: {} faults of one frame\n", GetParam().name, planted);
}

TEST_P(LineFaultsTest, FaultsForGoodEndInAFailThatSaysSo) {
  std::uint64_t failed = 0;
  for (const Row& row : kRows) {
    const std::uint64_t frames = frames_of_a_healthy_attempt(row.way);
    for (std::uint64_t n = 0; n < frames; ++n) {
      SCOPED_TRACE(fmt::format("{} {} from frame {}", name(row.fault),
                               row.way == Way::kOut ? "out" : "in", n));
      const Attempt attempt = attempt_with({row.fault, row.way, n, kForGood});
      // Waits differ from attempt to attempt: this one may have needed fewer frames.
      if (seen_ <= n) continue;
      // What comes twice behind the last answer meets nobody.
      if (row.fault == LineFault::kRepeated && seen_ == n + 1) continue;
      EXPECT_EQ(attempt.verdict, Verdict::kFail);
      const std::string reason = reason_of(attempt);
      const bool says_what = std::ranges::any_of(row.words, [&](std::string_view words) {
        return !words.empty() && reason.find(words) != std::string::npos;
      });
      EXPECT_TRUE(says_what) << reason;
      EXPECT_NE(reason.find("try another cable or port"), std::string::npos) << reason;
      failed += attempt.verdict == Verdict::kFail;
      if (n % 2 == 1) bench_.unplug();
      expect_pass();
    }
  }
  fmt::print("{}: {} attempts on a line that stays bad\n", GetParam().name, failed);
}

INSTANTIATE_TEST_SUITE_P(, LineFaultsTest, kParts, part_name);

}  // namespace
}  // namespace gangd
