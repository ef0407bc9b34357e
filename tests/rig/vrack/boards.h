// Boards: what `--parts` means.
#pragma once

#include <string_view>

#include "base/result.h"
#include "tests/rig/vrack/rack_board.h"

namespace gangd::rig {

// `parts` is a list like "echo" or "MX66UW1G45G,W25Q128": board n has the n-th, and from the
// beginning again; the names are those of tests/model/parts.toml, or `echo` for an EchoBoard.
// `emu:BOARD` is one of tests/emu/board_kinds.h, which runs the real image.
// kInvalid for an empty name, kUnsupported for parts if this vrack was built without the model.
//
// `rom` is empty, or a list of words: the boards then start in the bootloader of their chip's ROM
// whenever they get power, and show themselves as what was loaded into their RAM.
//   plain                   nothing else
//   NAME                    a bug of the ROM: those of tests/model/rom_loader.cc
//   full-speed              what is loaded has no high speed
//   second-port             it shows itself at another connector: boards have two ports each
//   application=VVVV:PPPP   what it starts is a USB device, too
Result<BoardFactory> make_board_factory(std::string_view parts, std::string_view rom);

}  // namespace gangd::rig
