// What a firmware does first, as register accesses: clocks and supplies.
#pragma once

#include "tests/unit/emu/fake_chip.h"

namespace gangd::emu {

inline constexpr std::uint32_t kPwr = 0x58024800, kRcc = 0x58024400, kSbs = 0x58000400,
                               kFlash = 0x52002000, kGpioA = 0x58020000;

inline void set_supply(Bench& bench) {
  bench.write(kPwr + 0x0c, (bench.read(kPwr + 0x0c) & ~0x1fu) | 4);  // from the step-down converter
  bench.pass(std::chrono::microseconds(100));
  EXPECT_EQ(bench.read(kPwr + 0x04) & 2, 2u);
}

// HSI, 64 MHz / 32 * 300 = 600 MHz, on its output P.
inline void configure_pll1(Bench& bench) {
  bench.write(kRcc + 0x28, 0x02020000 | 32u << 4);
  bench.write(kRcc + 0x30, 0x01010000 | 299);
  bench.write(kRcc + 0x2c, 1u << 3 | 1u << 5);
}

inline void run_at_full_speed(Bench& bench) {
  set_supply(bench);
  bench.write(kPwr + 0x14, 1);
  bench.pass(std::chrono::microseconds(100));
  EXPECT_EQ(bench.read(kPwr + 0x14) & 2, 2u);
  configure_pll1(bench);
  bench.set(kRcc + 0x00, 1u << 24);
  bench.pass(std::chrono::microseconds(200));
  EXPECT_NE(bench.read(kRcc + 0x00) & 1u << 25, 0u);
  bench.write(kFlash + 0x00, 0x37);
  bench.write(kRcc + 0x1c, 8);
  bench.write(kRcc + 0x20, 0x4444);
  bench.write(kRcc + 0x10, 3);
  EXPECT_EQ(bench.read(kRcc + 0x10) & 0x38, 0x18u);
}

}  // namespace gangd::emu
