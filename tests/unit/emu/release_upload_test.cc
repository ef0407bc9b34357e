// A release build gives no bytes of its memories to a host, and says so before it is asked. What a
// maker signs is often also what he does not want to be copied.
#include "tests/unit/emu/dfu_host.h"

namespace gangd::emu {
namespace {

constexpr std::uint8_t kCanUpload = 2;

// In what DfuSe calls alternate settings: the external flash, and the internal one.
struct Place {
  std::uint8_t alternate;
  std::uint32_t address;
};
constexpr Place kPlaces[] = {{0, kNor}, {1, kInternal}};

bool uploads(DfuHost& host, const Place& place) {
  if (host.status().second == DFU_ERROR) EXPECT_TRUE(host.request(0x21, DFU_CLRSTATUS, 0, {}));
  EXPECT_TRUE(host.select(place.alternate));
  EXPECT_TRUE(host.set_pointer(place.address));
  EXPECT_TRUE(host.request(0x21, DFU_ABORT, 0, {}));
  return host.request(0xa1, DFU_UPLOAD, 2, Bytes(64));
}

// The resident loader, or the one in RAM, of a board whose folder has this name.
void expect_upload(const std::string& name, bool of_ram, bool can) {
  SCOPED_TRACE(name);
  ResidentBench bench(name + (of_ram ? "-ram.elf" : "-resident.elf"), kDiscoveryKit,
                      of_ram ? std::optional(0x2404'0000) : std::nullopt);
  bench.put(kNor, Bytes(64, 0x5a));
  bench.put(kInternal, Bytes(64, 0x5a));
  bench.power_cycle();
  DfuHost host(bench);
  ASSERT_TRUE(host.greet()) << bench.state();
  EXPECT_EQ((host.attributes() & kCanUpload) != 0, can);
  for (const Place& place : kPlaces) {
    EXPECT_EQ(uploads(host, place), can) << place.address;
    if (can) {
      EXPECT_EQ(host.answer(), Bytes(64, 0x5a));
    } else {
      EXPECT_EQ(host.status(), std::pair(int{DFU_ERR_TARGET}, int{DFU_ERROR}));
    }
  }
}

TEST(ReleaseUpload, IsRefusedAndNotAnnounced) {
  expect_upload("dk-release", false, false);
  expect_upload("dk-release", true, false);
}

TEST(ReleaseUpload, OfADevelopmentBuildIsAnswered) {
  expect_upload("stm32h7s78-dk", false, true);
  expect_upload("stm32h7s78-dk", true, true);
}

}  // namespace
}  // namespace gangd::emu
