// Power fails at each flash operation of an update by DFU, and the ARM image that ships is what
// erases, programs and decides: the drivers of both flashes, USB, the boot. tests/faults does the
// same with more bytes, over both protocols, with the core that is compiled for the host.
#include <fmt/core.h>

#include "tests/unit/emu/dfu_host.h"

namespace gangd::emu {
namespace {

struct Operations {
  std::uint64_t internal = 0;
  std::uint64_t external = 0;
};

class EmulatedCuts : public testing::Test {
 protected:
  struct Version {
    std::uint32_t mark;
    Bytes image, header, data;
  };
  Version version(std::uint32_t mark) const {
    const Bytes image = application(kNor, kWord, mark, 700);
    return {mark, image, bench_.header_of(image, ResidentBench::in_place(kNor), nullptr),
            Bytes(48, static_cast<std::uint8_t>(mark))};
  }

  // As the maker left it: the old version, and nothing of the new one.
  void reset() {
    bench_.put(kNor, old_.image);
    bench_.put(kHeader, old_.header);
    bench_.put(kInternal, old_.data);
  }
  void press_button(bool pressed) { bench_.board().chip().outside().levels[{2, 13}] = !pressed; }
  // Alternates are as the loader lists its memories: external, internal.
  bool update() {
    press_button(true);
    bench_.power_cycle();
    press_button(false);
    EXPECT_TRUE(bench_.in_dfu()) << bench_.state();
    DfuHost host(bench_);
    return host.greet() && host.write(1, kInternal, new_.data) && host.write(0, kNor, new_.image) &&
           host.write(0, kHeader, new_.header);
  }
  Operations operations() {
    return {.internal = bench_.flash().operations(), .external = bench_.nor().operations()};
  }
  bool holds(const Version& version) {
    Bytes found(version.image.size());
    bench_.nor().peek(0, found);
    return found == version.image;
  }
  void expect_dfu_or_whole() {
    bench_.power_cycle();
    if (bench_.in_dfu()) {
      EXPECT_EQ(bench_.written(), 0U);
      return;
    }
    EXPECT_NE(bench_.written(), 0U) << bench_.state();
    EXPECT_TRUE(holds(bench_.written() == kMark ? old_ : new_));
  }
  void expect_mended() {
    EXPECT_TRUE(update()) << bench_.state();
    bench_.power_cycle();
    EXPECT_EQ(bench_.written(), kMark + 1) << bench_.state();
  }

  ResidentBench bench_{"stm32h7s78-dk-resident.elf"};
  const Version old_ = version(kMark);
  const Version new_ = version(kMark + 1);
};

TEST_F(EmulatedCuts, AtEachOperationOfEitherFlash) {
  reset();
  const Operations before = operations();
  expect_mended();
  const Operations after = operations();
  const std::uint64_t internal = after.internal - before.internal;
  const std::uint64_t external = after.external - before.external;
  EXPECT_EQ(internal, 1U + 3U) << "a sector, 48 bytes";
  EXPECT_EQ(external, 3U + 3U + 1U) << "the old header, two blocks, 700 bytes, a header";
  std::uint64_t cuts = 0;
  for (std::uint64_t n = 0; n < internal + external && !HasFailure(); ++n) {
    SCOPED_TRACE(n);
    reset();
    if (n < internal) {
      bench_.flash().cut_power_at_operation(n);
    } else {
      bench_.nor().cut_power_at_operation(n - internal);
    }
    EXPECT_FALSE(update());
    EXPECT_TRUE(bench_.flash().cut() || bench_.nor().cut());
    ++cuts;
    expect_dfu_or_whole();
    expect_dfu_or_whole();
    expect_mended();
  }
  EXPECT_EQ(cuts, internal + external);
  fmt::print("on the emulated chip: {} cuts, {} operations\n", cuts, internal + external);
}

}  // namespace
}  // namespace gangd::emu
