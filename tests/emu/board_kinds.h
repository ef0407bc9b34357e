// The boards that can be emulated: what their makers say is on them. Firmware is not asked.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tests/emu/chips.h"
#include "tests/emu/parts/outside.h"
#include "tests/model/parts.h"

namespace gangd::emu {

struct BoardKind {
  std::string name;
  const ChipKind* chip = nullptr;
  const model::Part* nor = nullptr;  // null: none is fitted
  unsigned nor_port = 2;             // of the XSPI manager
  bool psram = false;
  std::uint32_t crystal_hz = 0;  // 0: none
  // Rails of 1.8 V at the pins of the ports.
  bool port1_is_low = false;
  bool port2_is_low = false;
  // What is driven onto pins, buttons as nobody presses them.
  std::vector<std::pair<Pin, bool>> levels;
};

// NAME of a board, or CHIP/PART, CHIP/PART/psram: a chip with a flash of tests/model/parts.toml
// ("none": without; PART/unlisted: with a JEDEC ID that no table has) and no crystal. kInvalid: a
// sentence with what there is.
Result<BoardKind> find_board(std::string_view name);
// The chip alone with this flash (null: none), of 1.8 V if it is octal.
BoardKind bare_board(const ChipKind& chip, const model::Part* nor, bool psram);

}  // namespace gangd::emu
