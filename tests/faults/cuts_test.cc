// Power fails at each operation of the flash, and the board is pulled at each transfer, in turn.
// The attempt says that the board has gone; the next one makes a unit of it whose cells hold, and
// not only read right.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/faults/faulty_bench.h"
#include "tests/faults/faulty_part.h"

namespace gangd {
namespace {

class CutsTest : public testing::TestWithParam<FaultyPart> {
 protected:
  static void expect_gone(const Attempt& attempt) {
    ASSERT_TRUE(attempt.error);
    EXPECT_EQ(attempt.verdict, Verdict::kFail);
    EXPECT_EQ(attempt.error->code(), Code::kUnplugged);
    EXPECT_NE(reason_of(attempt).find("unplugged"), std::string::npos) << reason_of(attempt);
  }
  static void expect_pass(FaultyBench& bench) {
    const Attempt again = bench.attempt();
    EXPECT_EQ(again.verdict, Verdict::kPass) << reason_of(again);
    EXPECT_TRUE(bench.holds());
    EXPECT_LT(bench.took(), FaultyBench::limit());
  }
};

TEST_P(CutsTest, PowerThatFailsAtAnyFlashOperation) {
  FaultyBench bench({.part = GetParam().name, .timed = GetParam().timed});
  const std::uint64_t before = bench.chip().operations();
  expect_pass(bench);
  const std::uint64_t operations = bench.chip().operations() - before;
  std::uint64_t cuts = 0;
  for (std::uint64_t n = 0; n < operations; ++n) {
    SCOPED_TRACE(fmt::format("cut at operation {}", n));
    bench.soil();
    bench.chip().cut_power_at_operation(n);
    expect_gone(bench.attempt());
    ASSERT_TRUE(bench.chip().cut());
    ++cuts;
    bench.unplug();
    expect_pass(bench);
  }
  EXPECT_EQ(cuts, operations);
  EXPECT_EQ(bench.chip().complaints(), std::vector<std::string>{});
  fmt::print("{}: {} cuts, {} operations\n", GetParam().name, cuts, operations);
}

// A unit that has passed is reworked: only what differs is erased and written, and cut there. After
// that nothing of it is believed any more.
TEST_P(CutsTest, PowerThatFailsWhileOnlyWhatDiffersIsWritten) {
  FaultyBench bench({.part = GetParam().name, .timed = GetParam().timed});
  expect_pass(bench);
  const ByteVector wrong = {0x00};
  bench.chip().poke(300, wrong);
  const std::uint64_t before = bench.chip().operations();
  const Attempt rework = bench.attempt();
  EXPECT_EQ(rework.bytes_found_same, 8U) << "the serial";
  const std::uint64_t operations = bench.chip().operations() - before;
  for (std::uint64_t n = 0; n < operations; ++n) {
    SCOPED_TRACE(fmt::format("cut at operation {}", n));
    bench.chip().poke(300, wrong);
    bench.chip().cut_power_at_operation(n);
    expect_gone(bench.attempt());
    bench.unplug();
    const Attempt again = bench.attempt();
    EXPECT_EQ(again.verdict, Verdict::kPass) << reason_of(again);
    EXPECT_EQ(again.bytes_found_same, 0U);
    EXPECT_TRUE(bench.holds());
  }
  fmt::print("{}: {} cuts of a rework\n", GetParam().name, operations);
}

// Another product's PASS in between says nothing of the cells that the cut has left.
TEST_P(CutsTest, PowerThatFailsBeforeAnotherProductPasses) {
  FaultyBench bench({.part = GetParam().name, .timed = GetParam().timed});
  const std::uint64_t before = bench.chip().operations();
  expect_pass(bench);
  const std::uint64_t operations = bench.chip().operations() - before;
  for (std::uint64_t n = 0; n < operations; ++n) {
    SCOPED_TRACE(fmt::format("cut at operation {}", n));
    bench.soil();
    bench.chip().cut_power_at_operation(n);
    expect_gone(bench.attempt());
    bench.unplug();
    const Attempt other = bench.attempt_of_other();
    EXPECT_EQ(other.verdict, Verdict::kPass) << reason_of(other);
    const Attempt again = bench.attempt();
    EXPECT_EQ(again.verdict, Verdict::kPass) << reason_of(again);
    EXPECT_EQ(again.bytes_found_blank, 0U);
    EXPECT_EQ(again.bytes_found_same, 0U);
    EXPECT_TRUE(bench.holds());
    // What was done anew is believed again.
    EXPECT_GT(bench.attempt().bytes_found_same, 0U);
  }
}

// And again in the attempt that follows: nothing of it is finished, either.
TEST_P(CutsTest, PowerThatFailsTwice) {
  FaultyBench bench({.part = GetParam().name, .seed = 2, .timed = GetParam().timed});
  sim::Prng dice(3);
  for (int i = 0; i < 12; ++i) {
    bench.soil();
    for (int cut = 0; cut < 2; ++cut) {
      bench.chip().cut_power_at_operation(dice.below(12));
      expect_gone(bench.attempt());
      bench.unplug();
    }
    expect_pass(bench);
  }
}

TEST_P(CutsTest, ABoardThatIsPulledAtAnyTransfer) {
  FaultyBench bench({.part = GetParam().name, .image_bytes = 14'000, .timed = GetParam().timed});
  expect_pass(bench);
  std::uint64_t moments = bench.line().moments();
  std::uint64_t pulled = 0;
  for (std::uint64_t n = 0; n < moments; ++n) {
    SCOPED_TRACE(fmt::format("pulled at moment {}", n));
    bench.soil();
    bench.line().clear();
    bench.line().at_moment(n, [&bench] { bench.unplug(); });
    const Attempt attempt = bench.attempt();
    // Behind the last transfer nothing is missing any more; the waits before it differ. Nothing
    // else follows where the board could not even be claimed.
    if (bench.line().moments() > n + 1 || attempt.step == "identify") {
      expect_gone(attempt);
      ++pulled;
    } else {
      EXPECT_EQ(attempt.verdict, Verdict::kPass) << reason_of(attempt);
      EXPECT_TRUE(bench.holds());
    }
    bench.line().clear();
    bench.unplug();
    expect_pass(bench);
  }
  EXPECT_GE(pulled + 8, moments);
  fmt::print("{}: pulled at {} of {} moments\n", GetParam().name, pulled, moments);
}

// An erase that is cut late leaves cells that read 0xFF and do not hold. The device cannot know;
// the ledger's last attempt has not finished, and so everything is erased again: also where the
// product says that units come blank from the maker.
TEST_P(CutsTest, CellsThatOnlyReadBlankAreErasedAgain) {
  constexpr int kCutsMax = 400;
  FaultyBench bench({.part = GetParam().name, .incoming_fresh = true, .timed = GetParam().timed});
  int cuts = 0;
  int healed = 0;
  int fell_into = 0;
  for (; cuts < kCutsMax && (healed < 4 || fell_into == 0); ++cuts) {
    bench.soil();
    bench.chip().cut_power_at_operation(0);
    expect_gone(bench.attempt());
    bench.unplug();
    ByteVector block(4096);
    bench.chip().peek(0, block);
    const bool reads_blank =
        std::ranges::all_of(block, [](std::uint8_t byte) { return byte == 0xff; });
    if (!reads_blank || bench.chip().firm(0, 4096)) continue;
    if (healed > fell_into) {
      // What comes of it if nobody remembers: without this the test could not fail.
      (void)bench.attempt_on_cells(Cells::kFresh);
      fell_into += !bench.chip().firm(0, 4096);
      bench.unplug();
      EXPECT_EQ(bench.attempt_on_cells(Cells::kUnknown).verdict, Verdict::kPass);
      continue;
    }
    const Attempt again = bench.attempt();
    EXPECT_EQ(again.verdict, Verdict::kPass) << reason_of(again);
    EXPECT_EQ(again.bytes_found_blank, 0U);
    EXPECT_TRUE(bench.holds());
    ++healed;
  }
  EXPECT_GE(healed, 4);
  EXPECT_GT(fell_into, 0);
  fmt::print("{}: of {} late cuts, {} healed, {} not where the ledger was not asked\n",
             GetParam().name, cuts, healed, fell_into);
}

INSTANTIATE_TEST_SUITE_P(, CutsTest, kParts, part_name);

}  // namespace
}  // namespace gangd
