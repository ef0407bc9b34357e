#include "tests/rig/vrack/virtual_rack_board.h"

#include "tests/rig/vrack/chip_commands.h"

namespace gangd::rig {
namespace {

model::VirtualBoard::Options options_for(const std::string& part, std::size_t index,
                                         const std::optional<VirtualRackBoard::Rom>& rom) {
  model::VirtualBoard::Options options;
  options.part = part;
  options.seed = index + 1;
  options.enumerate = false;  // usb_device.cc does
  for (std::size_t i = 0; i < sizeof(std::uint32_t); ++i) {
    options.uid[i] = static_cast<std::uint8_t>((index + 1) >> 8 * i);
  }
  if (rom) {
    options.stages = rom->stages;
    options.high_speed = rom->high_speed;
    options.boot_hz = 50'000'000;  // every part manages that
  }
  return options;
}

}  // namespace

VirtualRackBoard::VirtualRackBoard(const std::string& part, std::size_t index,
                                   const std::optional<Rom>& rom, Host& host)
    : ModelRackBoard(std::make_shared<model::VirtualBoard>(options_for(part, index, rom)), host) {}

Result<std::string> VirtualRackBoard::chip_command(const std::vector<std::string>& words,
                                                   BoardTime) {
  if (is_stage_command(words)) return run_stage_command(board(), words);
  return run_chip_command(board().chip(), words);
}

}  // namespace gangd::rig
