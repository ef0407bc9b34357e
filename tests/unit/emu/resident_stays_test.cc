// The resident loader as it ships stays in DFU for whoever asks: the button, the application's flag
// in backup RAM, firmware that the watchdog has ended too often. A board that could not be brought
// back to its loader would have to be opened.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/unit/emu/dfu_host.h"

namespace gangd::emu {
namespace {

// Of tests/emu/firmware/ends.c.
enum Way : std::uint8_t { kStays, kAsksForDfu, kLetsTheWatchdogBite };

const std::vector<KnownBoard> kBoards = {
    kDiscoveryKit,
    {.name = "nucleo-h7s3l8"},
    {.name = "custom-h7r7", .nor = 0x9000'0000, .header = 0x901f'0000}};

Bytes ends(std::uint32_t address, Way way) {
  const std::string path = fmt::format("{}/emu/ends-{:08x}.elf", GANGD_FIRMWARE, address);
  auto program = Program::read(path, {});
  EXPECT_TRUE(program) << (program ? "" : program.error().message());
  if (!program) return {};
  Bytes image;
  for (const Program::Segment& segment : program->segments) {
    const std::size_t at = segment.address - address;
    if (image.size() < at + segment.bytes.size()) image.resize(at + segment.bytes.size(), 0xff);
    std::ranges::copy(segment.bytes, image.begin() + static_cast<std::ptrdiff_t>(at));
  }
  image.at(program->addresses.at("way") - address) = way;
  return image;
}

class ResidentStays : public testing::TestWithParam<KnownBoard> {
 protected:
  void install(Way way) {
    bench_.install(ends(GetParam().nor, way), ResidentBench::in_place(GetParam().nor));
  }
  void press_button(bool pressed) {
    for (const auto& [pin, released] : bench_.board().kind().levels) {
      bench_.board().chip().outside().levels[pin] = released != pressed;
    }
  }
  bool comes_into_dfu() {
    for (const Time end = bench_.now() + 3s; bench_.now() < end && !bench_.in_dfu();) {
      bench_.run(1ms);
    }
    return bench_.in_dfu();
  }
  // How often the application has begun since power came.
  std::uint32_t starts() {
    std::array<std::uint8_t, 8> bytes{};
    if (!bench_.board().chip().machine().peek(kWord, bytes)) return 0;
    return load_le32(bytes.data()) == kMark ? load_le32(&bytes[4]) : 0;
  }
  void press_reset() {
    bench_.board().press_reset();
    bench_.run(1ms);
  }

  ResidentBench bench_{std::string(GetParam().name) + "-resident.elf", GetParam()};
};

TEST_P(ResidentStays, WhileTheButtonIsPressed) {
  install(kStays);
  press_button(true);
  bench_.power_cycle();
  EXPECT_TRUE(bench_.in_dfu()) << bench_.state();
  EXPECT_EQ(starts(), 0U);
  press_button(false);
  bench_.power_cycle();
  EXPECT_FALSE(bench_.in_dfu());
  EXPECT_EQ(starts(), 1U) << bench_.state();
  press_button(true);
  press_reset();
  EXPECT_TRUE(comes_into_dfu()) << bench_.state();
}

// The wish is good for one start.
TEST_P(ResidentStays, WhenTheApplicationSetsTheFlagAndResets) {
  install(kAsksForDfu);
  bench_.power_cycle();
  for (std::uint32_t n = 1; n <= 3; ++n) {
    ASSERT_TRUE(comes_into_dfu()) << bench_.state();
    ASSERT_EQ(starts(), n);
    press_reset();
    ASSERT_FALSE(bench_.in_dfu());
  }
}

TEST_P(ResidentStays, WhenTheWatchdogHasBittenThreeTimes) {
  install(kLetsTheWatchdogBite);
  bench_.power_cycle();
  EXPECT_TRUE(comes_into_dfu()) << bench_.state();
  EXPECT_EQ(starts(), 3U);
  // The button gives it another chance, and so does power.
  press_reset();
  EXPECT_TRUE(comes_into_dfu());
  EXPECT_EQ(starts(), 6U);
  bench_.power_cycle();
  EXPECT_TRUE(comes_into_dfu());
  EXPECT_EQ(starts(), 3U);
}

// It is in DFU mode from the first moment, where DFU 1.1 has no DFU_DETACH: who detaches is the
// application, by the flag.
TEST_P(ResidentStays, AndHasNothingToDetach) {
  bench_.power_cycle();
  DfuHost host(bench_);
  ASSERT_TRUE(host.greet());
  EXPECT_EQ(host.status(), std::pair(int{DFU_OK}, int{DFU_IDLE}));
  EXPECT_FALSE(host.request(0x21, DFU_DETACH, 1000, {}));
  EXPECT_EQ(host.status(), std::pair(int{DFU_ERR_STALLEDPKT}, int{DFU_ERROR}));
  EXPECT_TRUE(bench_.in_dfu());
}

INSTANTIATE_TEST_SUITE_P(Boards, ResidentStays, testing::ValuesIn(kBoards), [](const auto& given) {
  std::string name = given.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace gangd::emu
