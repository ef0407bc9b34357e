#include "tests/rig/vrack/boards.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/rig/vrack/echo_board.h"
#ifdef GANGD_WITH_VIRTUAL_BOARD
#include "tests/rig/vrack/virtual_rack_board.h"
#endif

namespace gangd::rig {
namespace {

constexpr std::string_view kEcho = "echo";

std::unique_ptr<RackBoard> make_board(const std::string& part, std::size_t index,
                                      RackBoard::Host& host) {
#ifdef GANGD_WITH_VIRTUAL_BOARD
  if (part != kEcho) return std::make_unique<VirtualRackBoard>(part, index, host);
#else
  (void)part;
#endif
  return std::make_unique<EchoBoard>(index, host);
}

}  // namespace

Result<BoardFactory> make_board_factory(std::string_view parts) {
  std::vector<std::string> names;
  for (std::string_view left = parts;;) {
    const std::size_t comma = std::min(left.find(','), left.size());
    names.emplace_back(left.substr(0, comma));
    if (names.back().empty()) return Error(Code::kInvalid, "'{}' has a part without name", parts);
#ifndef GANGD_WITH_VIRTUAL_BOARD
    if (names.back() != kEcho) {
      return Error(Code::kUnsupported, "this vrack knows no part but {}: '{}'", kEcho,
                   names.back());
    }
#endif
    if (comma == left.size()) break;
    left.remove_prefix(comma + 1);
  }
  return BoardFactory([names](std::size_t index, RackBoard::Host& host) {
    return make_board(names[index % names.size()], index, host);
  });
}

}  // namespace gangd::rig
