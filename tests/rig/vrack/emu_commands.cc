#include "tests/rig/vrack/emu_commands.h"

#include <fmt/core.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "tests/rig/vrack/chip_commands.h"

namespace gangd::rig {
namespace {

using Answer = Result<std::string>;
using Words = std::vector<std::string>;

constexpr std::uint32_t kMemoryMax = 1 << 20;

Result<std::uint32_t> number(std::string_view word) {
  const bool hex = word.starts_with("0x");
  const std::string_view digits = hex ? word.substr(2) : word;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value, hex ? 16 : 10);
  if (error == std::errc() && end == digits.end()) return value;
  return Error(Code::kInvalid, "'{}' is no number", word);
}

Result<emu::Program> program(std::string_view word) {
  const std::size_t at = word.rfind('@');
  std::optional<std::uint32_t> address;
  if (at != word.npos) {
    TRY(address, number(word.substr(at + 1)));
  }
  return emu::Program::read(std::string(word.substr(0, at)), address);
}

Answer load(emu::EmuBoard& board, const Words& words) {
  TRY(emu::Program loaded, program(words[1]));
  TRY_STATUS(board.store(std::move(loaded)));
  return "";
}

Answer names(emu::EmuBoard& board, const Words& words) {
  TRY(emu::Program named, program(words[1]));
  board.learn_names(std::move(named));
  return "";
}

Answer boot_pin(emu::EmuBoard& board, const Words& words) {
  if (words[1] != "rom" && words[1] != "flash") {
    return Error(Code::kInvalid, "boot-pin PORT rom, or flash");
  }
  board.set_boot_pin(words[1] == "rom");
  return "";
}

Result<bool> is_on(const Words& words) {
  if (words[1] == "on" || words[1] == "off") return words[1] == "on";
  return Error(Code::kInvalid, "{} PORT on, or off", words[0]);
}

// What feeds the chip's HSE pins.
Answer crystal(emu::EmuBoard& board, const Words& words) {
  TRY(const bool on, is_on(words));
  board.chip().outside().hse_hz = on ? board.kind().crystal_hz : 0;
  return "";
}

// The connector of the chip's high-speed controller is behind a hub that knows full speed alone.
Answer slow_hub(emu::EmuBoard& board, const Words& words) {
  TRY(const bool on, is_on(words));
  board.chip().outside().usb_hs.port_is_high_speed = !on;
  return "";
}

// Held down, the user's button.
Answer button(emu::EmuBoard& board, const Words& words) {
  TRY(const bool pressed, is_on(words));
  for (const auto& [pin, released] : board.kind().levels) {
    board.chip().outside().levels[pin] = released != pressed;
  }
  return "";
}

Answer reset(emu::EmuBoard& board, const Words&) {
  board.press_reset();
  return "";
}

Answer state(emu::EmuBoard& board, const Words&) {
  return board.state();
}

Answer read(emu::EmuBoard& board, const Words& words) {
  TRY(const std::uint32_t address, number(words[1]));
  TRY(const std::uint32_t size, number(words[2]));
  if (size > kMemoryMax) return Error(Code::kInvalid, "at most {} bytes", kMemoryMax);
  ByteVector bytes(size);
  if (!board.chip().machine().peek(address, bytes)) {
    return Error(Code::kNotFound, "no memory can be read at {:#010x}", address);
  }
  return to_hex(bytes);
}

// Of the chip and of its flash.
Answer complaints(emu::EmuBoard& board, const Words& words) {
  std::string all = board.chip().machine().sentence();
  if (board.nor() == nullptr) return all;
  TRY(const std::string of_flash, run_chip_command(*board.nor(), words));
  return all.empty() || of_flash.empty() ? all + of_flash : all + "; " + of_flash;
}

struct Command {
  std::string_view name;
  std::size_t words;
  Answer (*run)(emu::EmuBoard&, const Words&);
};

constexpr Command kCommands[] = {
    {"load", 2, load},       {"boot-pin", 2, boot_pin}, {"reset", 1, reset},
    {"state", 1, state},     {"read", 3, read},         {"complaints", 1, complaints},
    {"crystal", 2, crystal}, {"slow-hub", 2, slow_hub}, {"names", 2, names},
    {"button", 2, button},
};

}  // namespace

Answer run_emu_command(emu::EmuBoard& board, const Words& words) {
  for (const Command& command : kCommands) {
    if (command.name != words.front()) continue;
    if (command.words != words.size()) {
      return Error(Code::kInvalid, "{} takes {} arguments", command.name, command.words - 1);
    }
    return command.run(board, words);
  }
  if (board.nor() == nullptr) {
    return Error(Code::kInvalid, "no command '{}' for a board without flash", words.front());
  }
  return run_chip_command(*board.nor(), words);
}

}  // namespace gangd::rig
