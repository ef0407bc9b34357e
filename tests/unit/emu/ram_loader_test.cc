// The RAM loader as it ships, put into the RAM of a chip whose option bytes may have given that RAM
// away.
#include <gtest/gtest.h>

#include <string>

#include "target_fw/core/bytes.h"
#include "tests/emu/emu_board.h"

namespace gangd::emu {
namespace {

using namespace std::chrono_literals;

// Whether it comes onto the bus, with the DTCM's share of the RAM as in FLASH_OBW2SR.
bool comes_up(std::uint8_t dtcm_share) {
  EmuBoard::Options options;
  options.kind = find_board("nucleo-h7s3l8").value();
  options.boots_rom = false;
  options.start_at = 0x2404'0000;
  auto board = EmuBoard::make(std::move(options)).value();
  // Reset, the chip finds no application, and stands still.
  board->on_violation = [](const std::string&) {};
  auto program = Program::read(std::string(GANGD_FIRMWARE) + "/nucleo-h7s3l8-ram.elf", {}).value();
  EXPECT_TRUE(board->store(std::move(program)));
  board->chip().outside().dtcm_share = dtcm_share;
  Time now{};
  board->plug(now);
  while (now < 500ms && !board->attached()) board->advance(now += 1ms);
  return board->attached();
}

TEST(RamLoader, IsNotStartedInRamThatBelongsToTheDtcm) {
  EXPECT_TRUE(comes_up(0));
  EXPECT_FALSE(comes_up(1));
  EXPECT_FALSE(comes_up(2));
}

TEST(RamLoader, LeavesRoomAboveItsStackForARomThatWantsIt) {
  const auto program =
      Program::read(std::string(GANGD_FIRMWARE) + "/nucleo-h7s3l8-ram.elf", {}).value();
  const auto& first = program.segments.front();
  ASSERT_EQ(first.address, 0x2404'0000u);
  EXPECT_TRUE(model::RomLoader::has_room({}, load_le32(first.bytes.data())));
}

}  // namespace
}  // namespace gangd::emu
