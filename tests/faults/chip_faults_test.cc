// A flash chip that fails, lies, never ends or is protected, at each of its operations in turn.
// Never PASS for what is not in its cells, always an end that says what happened, and a board that
// is programmed as soon as its chip is well, with and without a power cycle.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/faults/faulty_bench.h"
#include "tests/faults/faulty_part.h"
#include "tests/model/parts.h"

namespace gangd {
namespace {

class ChipFaultsTest : public testing::TestWithParam<FaultyPart> {
 protected:
  Attempt attempt() {
    Attempt attempt = bench_.attempt();
    EXPECT_LT(bench_.took(), FaultyBench::limit());
    EXPECT_FALSE(attempt.verdict == Verdict::kPass && !bench_.holds());
    return attempt;
  }
  void expect_fail_with(const Attempt& attempt, std::string_view words) {
    EXPECT_EQ(attempt.verdict, Verdict::kFail);
    EXPECT_NE(reason_of(attempt).find(words), std::string::npos) << reason_of(attempt);
  }
  void expect_pass() {
    const Attempt again = attempt();
    EXPECT_EQ(again.verdict, Verdict::kPass) << reason_of(again);
  }
  // Operations of an attempt that has all of its work to do.
  std::uint64_t operations() {
    const std::uint64_t before = bench_.chip().operations();
    expect_pass();
    const std::uint64_t operations = bench_.chip().operations() - before;
    bench_.soil();
    return operations;
  }
  // Plants it at each operation; `look` judges what came of it.
  void at_each_operation(const std::function<void(std::uint64_t n)>& plant,
                         const std::function<void(const Attempt& attempt, bool erases)>& look) {
    const std::uint64_t count = operations();
    for (std::uint64_t n = 0; n < count; ++n) {
      SCOPED_TRACE(fmt::format("operation {} of {}", n, count));
      bench_.soil();
      plant(n);
      const Attempt faulty = attempt();
      look(faulty, faulty.step == "erase");
      if (n % 2 == 1) bench_.unplug();
      expect_pass();
    }
    EXPECT_EQ(bench_.chip().complaints(), std::vector<std::string>{});
    fmt::print("{}: {} operations\n", GetParam().name, count);
  }

  FaultyBench bench_{{.part = GetParam().name, .timed = GetParam().timed}};
  const model::Part& part_ = *model::find_part(GetParam().name);
};

// What is read back, at once or by the hash at the end, is all that finds it.
TEST_P(ChipFaultsTest, AChipThatReportsSuccessAndDidNothingIsFound) {
  at_each_operation([this](std::uint64_t n) { bench_.chip().skip_operation(n); },
                    [this](const Attempt& attempt, bool erases) {
                      expect_fail_with(attempt, "the memory holds something else than was written");
                      EXPECT_FALSE(erases);
                    });
}

TEST_P(ChipFaultsTest, AnOperationThatFailsIsNamed) {
  at_each_operation([this](std::uint64_t n) { bench_.chip().fail_operation(n); },
                    [this](const Attempt& attempt, bool erases) {
                      const bool says =
                          (erases ? part_.erase_fail_bit : part_.program_fail_bit) != 0;
                      expect_fail_with(attempt, !says    ? "holds something else"
                                                : erases ? "errERASE (the chip could not erase)"
                                                         : "errPROG (the chip could not program)");
                    });
}

TEST_P(ChipFaultsTest, AChipThatStaysBusyIsGivenUp) {
  at_each_operation([this](std::uint64_t n) { bench_.chip().hang_operation(n); },
                    [this](const Attempt& attempt, bool) {
                      expect_fail_with(attempt, "(the chip does not come to an end");
                    });
}

// By bits of its status register, as a tester may leave them.
TEST_P(ChipFaultsTest, AProtectedChipIsProgrammed) {
  bench_.chip().protect(true);
  expect_pass();
}

TEST_P(ChipFaultsTest, AChipThatStaysProtectedIsNamedAndNotTouched) {
  expect_pass();
  bench_.soil();
  const std::uint64_t before = bench_.chip().operations();
  bench_.chip().protect(true);
  bench_.chip().hold_registers(true);
  for (int i = 0; i < 2; ++i) {
    const Attempt refused = attempt();
    EXPECT_EQ(refused.verdict, Verdict::kFail);
    EXPECT_TRUE(reason_of(refused).contains("errWRITE (the chip is write-protected)") ||
                reason_of(refused).contains("errVENDOR"))
        << reason_of(refused);
  }
  EXPECT_EQ(bench_.chip().operations(), before);
  bench_.chip().protect(false);
  bench_.chip().hold_registers(false);
  expect_pass();
}

// By a bit of the block alone, which no register shows: a part without fail flags says nothing.
TEST_P(ChipFaultsTest, ALockedBlockNeverPasses) {
  bench_.chip().lock_block(0);
  const Attempt locked = attempt();
  EXPECT_EQ(locked.verdict, Verdict::kFail);
  EXPECT_TRUE(locked.step == "erase" || locked.step == "write" || locked.step == "verify");
}

// Which way a worn bit reads is left to chance: it passes only where it was measured right, and
// never if each of many measurements must be.
TEST_P(ChipFaultsTest, OneWeakBitAtReadBackIsFound) {
  bench_.chip().weaken_bit(100, 2);
  int failed = 0;
  for (int i = 0; i < 16; ++i) {
    const Attempt weak = bench_.attempt();
    EXPECT_LT(bench_.took(), FaultyBench::limit());
    ASSERT_EQ(weak.measured.size(), 2U) << reason_of(weak);
    EXPECT_EQ(weak.verdict == Verdict::kPass,
              weak.measured.front().digest == bench_.image().extents().front().digest);
    if (weak.verdict == Verdict::kPass) continue;
    ++failed;
    expect_fail_with(weak, "tone.bin: the memory holds something else than was written");
  }
  EXPECT_GT(failed, 0);
}

// Operations take as long as the data sheet allows: that is no fault.
TEST_P(ChipFaultsTest, ASlowChipPasses) {
  bench_.chip().be_slow(true);
  expect_pass();
}

INSTANTIATE_TEST_SUITE_P(, ChipFaultsTest, kParts, part_name);

}  // namespace
}  // namespace gangd
