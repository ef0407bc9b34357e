// Who packs an image and who sends it must cut it at the same places.
#include "base/page_run.h"

#include <gtest/gtest.h>

namespace gangd {
namespace {

std::vector<std::pair<std::size_t, std::size_t>> runs(std::uint32_t address, ByteView bytes,
                                                      std::size_t run_max) {
  std::vector<std::pair<std::size_t, std::size_t>> all;
  for (std::size_t at = 0; at < bytes.size();) {
    const PageRun run = next_run(address, bytes, at, run_max);
    if (run.size > 0) all.emplace_back(run.at, run.size);
    at = run.at + run.size;
  }
  return all;
}

using Runs = std::vector<std::pair<std::size_t, std::size_t>>;

TEST(PageRun, BlankPagesAreLeftOut) {
  ByteVector bytes(2000, 0xff);
  EXPECT_EQ(runs(0, bytes, 1024), Runs{});
  bytes[600] = 0;
  bytes[1999] = 0;
  EXPECT_EQ(runs(0, bytes, 1024), (Runs{{512, 256}, {1792, 208}}));
  EXPECT_EQ(runs(100, bytes, 1024), (Runs{{412, 256}, {1948, 52}}));
}

TEST(PageRun, ARunEndsAtMultiplesOfTheLargest) {
  const ByteVector bytes(3000, 0x5a);
  EXPECT_EQ(runs(0x1000, bytes, 1024), (Runs{{0, 1024}, {1024, 1024}, {2048, 952}}));
  EXPECT_EQ(runs(0x1100, bytes, 1024), (Runs{{0, 768}, {768, 1024}, {1792, 1024}, {2816, 184}}));
}

// A board that is written from the middle finds the runs that were packed from the beginning.
TEST(PageRun, WhereItBeginsDoesNotMoveTheEnds) {
  ByteVector bytes(1 << 16);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = i / 700 % 3 == 0 ? 0xff : 0x11;
  const Runs all = runs(0x9000'0000, bytes, 4096);
  const Runs late = runs(0x9000'0000 + 8192, ByteView(bytes).subspan(8192), 4096);
  ASSERT_FALSE(late.empty());
  ASSERT_LT(late.size(), all.size());
  for (std::size_t i = 0; i < late.size(); ++i) {
    const auto& [at, size] = all[all.size() - late.size() + i];
    EXPECT_EQ(late[i], (std::pair{at - 8192, size}));
  }
}

}  // namespace
}  // namespace gangd
