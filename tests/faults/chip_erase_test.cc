// All of a chip is erased at once, which takes a minute or more and cannot be stopped. Whatever
// happens meanwhile: the attempt says so, or goes on; and the board takes everything again.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/faults/faulty_bench.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;
using sim::LineFault;
using sim::LineFaults;
using Way = LineFaults::Way;

class ChipEraseTest : public testing::Test {
 protected:
  void expect_pass(const Attempt& attempt) {
    EXPECT_EQ(attempt.verdict, Verdict::kPass) << reason_of(attempt);
    EXPECT_TRUE(bench_.holds());
    EXPECT_LT(bench_.took(), FaultyBench::limit());
  }
  // With nothing known of its cells, all of the chip is erased.
  Attempt attempt() { return bench_.attempt_on_cells(Cells::kUnknown); }
  // The moment in the middle of the erase: it takes nearly all of the time.
  Duration middle() {
    expect_pass(attempt());
    EXPECT_GT(bench_.took(), 10s);
    return bench_.took() / 2;
  }

  FaultyBench bench_{{.part = "MX25R6435F", .whole_chip = true}};
};

// Found by a reviewer: the request to erase again was not answered until the first erase had
// ended, which looked like a line that is broken for good.
TEST_F(ChipEraseTest, OneFaultOfTheLineIsSurvived) {
  int planted = 0;
  for (const auto& [fault, way] :
       {std::pair{LineFault::kDamaged, Way::kIn}, std::pair{LineFault::kLost, Way::kIn},
        std::pair{LineFault::kLost, Way::kOut}}) {
    // The capabilities, the answer to the request, the first statuses, one a minute later.
    for (const std::uint64_t n : {0U, 1U, 2U, 3U, 20U, 60U}) {
      SCOPED_TRACE(
          fmt::format("{} {} at frame {}", name(fault), way == Way::kOut ? "out" : "in", n));
      bench_.line().clear();
      bench_.line().order({fault, way, n});
      expect_pass(attempt());
      planted += bench_.line().frames(way) > n;
    }
  }
  bench_.line().clear();
  EXPECT_EQ(bench_.chip().complaints(), std::vector<std::string>{});
  fmt::print("{} faults of one frame around a chip erase\n", planted);
}

TEST_F(ChipEraseTest, ABoardThatKeptItsPowerWhileGangdStoppedTakesTheNextAttempt) {
  const Duration half = middle();
  for (const Duration after : {half / 8, half}) {
    const Attempt stopped = bench_.attempt_that_stops(after, Cells::kUnknown);
    EXPECT_NE(stopped.verdict, Verdict::kPass);
    EXPECT_EQ(stopped.step, "erase");
    expect_pass(bench_.attempt());
  }
  EXPECT_EQ(bench_.chip().complaints(), std::vector<std::string>{});
}

TEST_F(ChipEraseTest, ABoardThatIsPulledInItSaysSo) {
  const std::uint64_t moments = [this] {
    (void)middle();
    return bench_.line().moments();
  }();
  bench_.line().clear();
  bench_.line().at_moment(moments / 2, [this] { bench_.unplug(); });
  const Attempt pulled = attempt();
  ASSERT_TRUE(pulled.error);
  EXPECT_EQ(pulled.error->code(), Code::kUnplugged);
  EXPECT_EQ(pulled.verdict, Verdict::kFail);
  bench_.line().clear();
  bench_.unplug();
  expect_pass(bench_.attempt());
}

// Then it is erased block by block.
TEST_F(ChipEraseTest, AChipThatKnowsNoSuchCommandIsErased) {
  bench_.chip().ignore_chip_erase();
  const std::uint64_t before = bench_.chip().operations();
  expect_pass(attempt());
  EXPECT_GT(bench_.chip().operations() - before, std::uint64_t{8 << 20 >> 16});
}

TEST_F(ChipEraseTest, PowerThatFailsInItIsHealed) {
  bench_.chip().cut_power_at_operation(0);
  const Attempt cut = bench_.attempt();
  EXPECT_EQ(cut.verdict, Verdict::kFail);
  EXPECT_EQ(cut.step, "erase");
  ASSERT_TRUE(bench_.chip().cut());
  bench_.unplug();
  expect_pass(bench_.attempt());
}

}  // namespace
}  // namespace gangd
