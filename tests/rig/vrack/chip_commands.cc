#include "tests/rig/vrack/chip_commands.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace gangd::rig {
namespace {

using model::NorChip;
using Arguments = std::span<const std::string>;
using Answer = Result<std::string>;

// One answer is one line, and that of a test.
constexpr std::uint64_t kPeekMax = 1 << 20;

// Decimal, or hexadecimal after 0x.
Result<std::uint64_t> number(std::string_view word) {
  const bool hex = word.starts_with("0x");
  const std::string_view digits = hex ? word.substr(2) : word;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value, hex ? 16 : 10);
  if (error != std::errc() || end != digits.end()) {
    return Error(Code::kInvalid, "'{}' is no number", word);
  }
  return value;
}

Answer peek(NorChip& chip, Arguments arguments) {
  TRY(const auto address, number(arguments[0]));
  TRY(const auto size, number(arguments[1]));
  if (size > kPeekMax) return Error(Code::kInvalid, "at most {} bytes", kPeekMax);
  ByteVector bytes(size);
  chip.peek(static_cast<std::uint32_t>(address), bytes);
  return to_hex(bytes);
}

Answer poke(NorChip& chip, Arguments arguments) {
  TRY(const auto address, number(arguments[0]));
  TRY(const auto bytes, from_hex(arguments[1]));
  chip.poke(static_cast<std::uint32_t>(address), bytes);
  return "";
}

Answer weaken(NorChip& chip, Arguments arguments) {
  TRY(const auto address, number(arguments[0]));
  TRY(const auto bit, number(arguments[1]));
  if (bit > 7) return Error(Code::kInvalid, "a byte has no bit {}", bit);
  chip.weaken_bit(static_cast<std::uint32_t>(address), static_cast<unsigned>(bit));
  return "";
}

Answer power_up_in(NorChip& chip, Arguments arguments) {
  if (arguments[0] == "spi") {
    chip.power_up_in(NorChip::Mode::kSpi);
  } else if (arguments[0] == "octal-str") {
    chip.power_up_in(NorChip::Mode::kOctalStr);
  } else if (arguments[0] == "octal-dtr") {
    chip.power_up_in(NorChip::Mode::kOctalDtr);
  } else {
    return Error(Code::kInvalid, "spi, octal-str or octal-dtr");
  }
  return "";
}

Answer complaints(NorChip& chip, Arguments) {
  std::string all;
  for (const std::string& complaint : chip.complaints()) {
    all += fmt::format("{}{}", all.empty() ? "" : "; ", complaint);
  }
  return all;
}

// For the faults that hit the n-th operation from now.
template <void (NorChip::*kFault)(std::uint64_t)>
Answer at_operation(NorChip& chip, Arguments arguments) {
  TRY(const auto n, number(arguments[0]));
  (chip.*kFault)(n);
  return "";
}

template <void (NorChip::*kFault)(bool)>
Answer on_or_off(NorChip& chip, Arguments arguments) {
  if (arguments[0] != "on" && arguments[0] != "off") return Error(Code::kInvalid, "on or off");
  (chip.*kFault)(arguments[0] == "on");
  return "";
}

Answer operations(NorChip& chip, Arguments) {
  return std::to_string(chip.operations());
}

Answer is_cut(NorChip& chip, Arguments) {
  return chip.cut() ? "yes" : "no";
}

Answer blank_sfdp(NorChip& chip, Arguments) {
  chip.blank_sfdp();
  return "";
}

Answer leave_in_continuous_read(NorChip& chip, Arguments) {
  chip.leave_in_continuous_read();
  return "";
}

struct Command {
  std::string_view name;
  std::size_t arguments;
  Answer (*run)(NorChip&, Arguments);
};

constexpr Command kCommands[] = {
    {"peek", 2, peek},
    {"poke", 2, poke},
    {"operations", 0, operations},
    {"complaints", 0, complaints},
    {"cut", 1, at_operation<&NorChip::cut_power_at_operation>},
    {"is-cut", 0, is_cut},
    {"fail", 1, at_operation<&NorChip::fail_operation>},
    {"skip", 1, at_operation<&NorChip::skip_operation>},
    {"hang-chip", 1, at_operation<&NorChip::hang_operation>},
    {"weaken", 2, weaken},
    {"protect", 1, on_or_off<&NorChip::protect>},
    {"hold-registers", 1, on_or_off<&NorChip::hold_registers>},
    {"slow", 1, on_or_off<&NorChip::be_slow>},
    {"power-up-in", 1, power_up_in},
    {"blank-sfdp", 0, blank_sfdp},
    {"leave-in-continuous-read", 0, leave_in_continuous_read},
};

// --- of a board that starts in its ROM

using Board = model::VirtualBoard;

Answer peek_internal(Board& board, Arguments arguments) {
  TRY(const auto address, number(arguments[0]));
  TRY(const auto size, number(arguments[1]));
  using Flash = model::InternalFlash;
  if (address < Flash::kAddress || address - Flash::kAddress + size > Flash::kSize) {
    return Error(Code::kInvalid, "the internal flash has {} bytes at {:#x}", Flash::kSize,
                 Flash::kAddress);
  }
  const auto bytes = board.stages().flash().peek(static_cast<std::uint32_t>(address),
                                                 static_cast<std::uint32_t>(size));
  return bytes ? to_hex(*bytes) : "broken";
}

Answer start_fault(Board& board, Arguments arguments) {
  const auto fault = model::find_start_fault(arguments[0]);
  if (!fault) return Error(Code::kInvalid, "no fault '{}'", arguments[0]);
  board.stages().set_start_fault(*fault);
  return "";
}

Answer application(Board& board, Arguments) {
  const auto& address = board.stages().application();
  return address ? fmt::format("{:#x}", *address) : "none";
}

struct StageCommand {
  std::string_view name;
  std::size_t arguments;
  Answer (*run)(Board&, Arguments);
};

constexpr StageCommand kStageCommands[] = {
    {"peek-internal", 2, peek_internal},
    {"start-fault", 1, start_fault},
    {"application", 0, application},
};

}  // namespace

bool is_stage_command(const std::vector<std::string>& words) {
  return std::ranges::any_of(kStageCommands,
                             [&words](const auto& each) { return each.name == words.front(); });
}

Answer run_stage_command(Board& board, const std::vector<std::string>& words) {
  const Arguments arguments = Arguments(words).subspan(1);
  const auto command = std::ranges::find(kStageCommands, words.front(), &StageCommand::name);
  if (!board.has_stages()) {
    return Error(Code::kInvalid, "{} is for boards of a rack with --rom", words.front());
  }
  if (arguments.size() != command->arguments) {
    return Error(Code::kInvalid, "{} takes {} arguments", command->name, command->arguments);
  }
  return command->run(board, arguments);
}

Answer run_chip_command(NorChip& chip, const std::vector<std::string>& words) {
  const Arguments arguments = Arguments(words).subspan(1);
  for (const Command& command : kCommands) {
    if (command.name != words.front()) continue;
    if (arguments.size() != command.arguments) {
      return Error(Code::kInvalid, "{} takes {} arguments", command.name, command.arguments);
    }
    return command.run(chip, arguments);
  }
  return Error(Code::kInvalid, "no command '{}'", words.front());
}

}  // namespace gangd::rig
