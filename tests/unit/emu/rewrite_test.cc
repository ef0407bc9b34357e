// A host that had no answer sends again what the board may have written. A word of the flash inside
// the chip takes one program after each erase, and the strict model ends a board that gives it two.
#include <algorithm>

#include "tests/unit/emu/dfu_host.h"

namespace gangd::emu {
namespace {

constexpr std::uint8_t kInternalFlash = 1;  // the alternate setting

void expect_taken_again(const std::string& loader, std::optional<std::uint32_t> start_at) {
  SCOPED_TRACE(loader);
  ResidentBench bench(loader, kDiscoveryKit, start_at);
  bench.power_cycle();
  DfuHost host(bench);
  ASSERT_TRUE(host.greet()) << bench.state();
  Bytes bytes(96, 0x5a);
  std::fill(bytes.begin() + 32, bytes.begin() + 48, 0xff);
  ASSERT_TRUE(host.write(kInternalFlash, kInternal, bytes)) << bench.state();
  bytes.resize(bytes.size() + 32, 0xa5);
  EXPECT_TRUE(host.write_again(kInternal, bytes)) << bench.state();
  EXPECT_TRUE(host.write_again(kInternal, bytes)) << bench.state();
  EXPECT_TRUE(host.write_again(kInternal + 128, Bytes(64, 0xff))) << bench.state();
  bytes.resize(bytes.size() + 64, 0xff);
  EXPECT_EQ(bench.flash().peek(kInternal, 192), bytes);
}

TEST(Rewrite, OfTheSameBytesIsTakenByTheResidentLoader) {
  expect_taken_again("stm32h7s78-dk-resident.elf", std::nullopt);
}

TEST(Rewrite, OfTheSameBytesIsTakenByTheLoaderInRam) {
  expect_taken_again("stm32h7s78-dk-ram.elf", 0x2404'0000);
}

}  // namespace
}  // namespace gangd::emu
