// What `emu` was asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "tests/emu/board_kinds.h"
#include "tests/emu/peripheral.h"

namespace gangd::emu {

extern const char* const kUsage;

// A number, or the name of something in a program that was loaded.
using Place = std::variant<std::uint32_t, std::string>;

struct CommandLine {
  struct Load {
    std::string path;
    std::optional<std::uint32_t> address;
  };
  struct Call {
    Place function;
    std::vector<Place> arguments;
  };

  BoardKind board;
  std::vector<Load> loads;
  enum class Boot { kNot, kRom, kReset, kAt };
  Boot boots = Boot::kNot;
  Place boot;
  std::vector<Call> calls;
  std::string usb;
  std::optional<Place> until;
  std::optional<Time> until_time;
  bool trace = false;
  bool take_faults = false;

  // kInvalid: a sentence that says what to type instead.
  static Result<CommandLine> parse(int argc, char** argv);
};

}  // namespace gangd::emu
