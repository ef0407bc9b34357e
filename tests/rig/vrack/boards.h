// Boards: what `--parts` means.
#pragma once

#include <string_view>

#include "base/result.h"
#include "tests/rig/vrack/rack_board.h"

namespace gangd::rig {

// `parts` is a list like "echo" or "MX66UW1G45G,W25Q128": board n has the n-th, and from the
// beginning again; the names are those of tests/model/parts.toml, or `echo` for an EchoBoard.
// kInvalid for an empty name, kUnsupported for parts if this vrack was built without the model.
Result<BoardFactory> make_board_factory(std::string_view parts);

}  // namespace gangd::rig
