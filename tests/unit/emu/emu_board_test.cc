// A board that is given so much time, in a world that looks after it late.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/emu/emu_board.h"

namespace gangd::emu {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kRam = 0x2404'0000;

// Its own time when it says that it is over.
EmuBoard::Time ends_at(EmuBoard::Options options, EmuBoard::Time world_steps) {
  options.kind = find_board("nucleo-h7s3l8").value();
  auto board = EmuBoard::make(std::move(options)).value();
  auto program = Program::read(std::string(GANGD_FIRMWARE) + "/nucleo-h7s3l8-ram.elf", {}).value();
  EXPECT_TRUE(board->store(std::move(program)));
  bool over = false;
  board->on_time_over = [&over] { over = true; };
  EmuBoard::Time now{};
  board->plug(now);
  for (int i = 0; i < 10'000 && !over; ++i) board->advance(now += world_steps);
  EXPECT_TRUE(over);
  return board->chip().machine().now();
}

TEST(EmuBoard, RunsForTheTimeThatItIsGivenHoweverLateTheWorldIs) {
  for (const auto steps : {EmuBoard::Time{1ms}, EmuBoard::Time{10s}}) {
    const auto rom = ends_at({.kind = {}, .time_max = 50ms}, steps);
    EXPECT_EQ(rom, 50ms);
    const auto loader =
        ends_at({.kind = {}, .boots_rom = false, .start_at = kRam, .time_max = 50ms}, steps);
    EXPECT_GE(loader, 50ms);
    EXPECT_LT(loader, 51ms);
  }
}

}  // namespace
}  // namespace gangd::emu
