// What could break: an exception that comes too early, too late or twice, a register that is lost
// on the way, a fault that nobody is told of, time that goes by when it should not.
#include "tests/emu/machine.h"

#include <gtest/gtest.h>

#include "tests/emu/chip_on_board.h"
#include "tests/unit/emu/small_program.h"

namespace gangd::emu {
namespace {

TEST(MachineTest, RunsWhatAnRtosNeeds) {
  SmallProgram program("exceptions");
  EXPECT_EQ(program.run(), "passed");
  EXPECT_GT(program.word("diary_count"), 20u);
}

TEST(MachineTest, SameProgramSameRun) {
  SmallProgram one("exceptions"), two("exceptions");
  EXPECT_EQ(one.run(), two.run());
  EXPECT_EQ(one.machine().now(), two.machine().now());
  EXPECT_EQ(one.machine().instructions(), two.machine().instructions());
}

TEST(ChipOnBoardTest, RamThatOptionBytesGaveToTheDtcmIsThere) {
  auto board = ChipOnBoard::make(bare_board(*find_chip("stm32h7s7"), nullptr, false), {});
  ASSERT_TRUE(board.has_value());
  const std::array<std::uint8_t, 4> bytes = {1, 2, 3, 4};
  const auto can_store = [&](std::uint32_t address) {
    return (*board)->store(address, bytes).has_value();
  };
  (*board)->power_on({});
  EXPECT_TRUE(can_store(0x24040000));
  EXPECT_FALSE(can_store(0x20010000));
  (*board)->outside().dtcm_share = 1;
  (*board)->power_on({});
  EXPECT_FALSE(can_store(0x24040000));
  EXPECT_TRUE(can_store(0x2001fffc));
  EXPECT_FALSE(can_store(0x20020000));
  EXPECT_TRUE(can_store(0x2403fffc));
  EXPECT_TRUE(can_store(0x24071ffc));
  (*board)->outside().dtcm_share = 0;
  (*board)->power_on({});
  EXPECT_TRUE(can_store(0x24040000));
}

TEST(ChipOnBoardTest, StoresBytesAtAnyAddressOfTheFlash) {
  auto board = ChipOnBoard::make(bare_board(*find_chip("stm32h7s7"), nullptr, false), {});
  ASSERT_TRUE(board.has_value());
  for (const std::uint32_t address : {0x08000000u, 0x08000005u, 0x0800fffcu}) {
    const std::array<std::uint8_t, 4> bytes = {1, 2, 3, 4};
    EXPECT_TRUE((*board)->store(address, bytes).has_value());
  }
  using Bytes = std::vector<std::uint8_t>;
  EXPECT_EQ((*board)->outside().flash.peek(0x08000000, 10),
            (Bytes{1, 2, 3, 4, 0xff, 1, 2, 3, 4, 0xff}));
  EXPECT_EQ((*board)->outside().flash.peek(0x0800fffc, 4), (Bytes{1, 2, 3, 4}));
}

}  // namespace
}  // namespace gangd::emu
