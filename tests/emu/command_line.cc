#include "tests/emu/command_line.h"

#include <getopt.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace gangd::emu {
namespace {

// A day: nobody waits for more, and it fits in nanoseconds.
constexpr double kSecondsMax = 86400;

std::optional<std::uint32_t> number(std::string_view word) {
  const bool hex = word.starts_with("0x") || word.starts_with("0X");
  const std::string_view digits = hex ? word.substr(2) : word;
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

Result<Place> place(std::string_view word) {
  if (const auto value = number(word)) return Place(*value);
  const bool is_number = word.empty() || (word.front() >= '0' && word.front() <= '9');
  if (is_number) return Error(Code::kInvalid, "'{}' is no number and no name", word);
  return Place(std::string(word));
}

Result<CommandLine::Load> load(std::string_view word) {
  const std::size_t at = word.rfind('@');
  if (at == std::string_view::npos) return CommandLine::Load{std::string(word), std::nullopt};
  const auto address = number(word.substr(at + 1));
  if (!address) return Error(Code::kInvalid, "--load {}: no address behind '@'", word);
  return CommandLine::Load{std::string(word.substr(0, at)), address};
}

Result<CommandLine::Call> call(std::string_view word) {
  CommandLine::Call call;
  for (bool first = true;; first = false) {
    const std::size_t comma = std::min(word.find(','), word.size());
    TRY(Place value, place(word.substr(0, comma)).with_context("--call"));
    if (first) {
      call.function = std::move(value);
    } else {
      call.arguments.push_back(std::move(value));
    }
    if (comma == word.size()) return call;
    word.remove_prefix(comma + 1);
  }
}

// Hexadecimal, or a name: an address. Decimal: seconds.
Status until(CommandLine& line, std::string_view word) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), seconds);
  const std::string_view unit(end, static_cast<std::size_t>(word.data() + word.size() - end));
  if (error == std::errc() && (unit.empty() || unit == "s")) {
    if (!(seconds >= 0 && seconds <= kSecondsMax)) {
      return Error(Code::kInvalid, "--until {}: between 0 and {} seconds", word, kSecondsMax);
    }
    line.until_time = std::chrono::duration_cast<Time>(std::chrono::duration<double>(seconds));
    return {};
  }
  TRY(line.until, place(word).with_context("--until"));
  return {};
}

Status boot(CommandLine& line, std::string_view word) {
  using Boot = CommandLine::Boot;
  line.boots = word == "rom" ? Boot::kRom : word == "reset" ? Boot::kReset : Boot::kAt;
  if (line.boots != Boot::kAt) return {};
  TRY(line.boot, place(word).with_context("--boot"));
  return {};
}

// What was said in words, before it is known whether all of them fit together.
struct Words {
  std::string chip, board, nor;
  bool psram = false;
};

Status find(CommandLine& line, const Words& words) {
  if (!words.board.empty()) {
    if (!words.chip.empty() || !words.nor.empty() || words.psram) {
      return Error(Code::kInvalid, "--board says what chip and memories there are: leave them out");
    }
    TRY(line.board, find_board(words.board));
    return {};
  }
  if (words.chip.empty()) return Error(Code::kInvalid, "which --chip?\n{}", kUsage);
  TRY(line.board, find_board(words.chip + "/" + (words.nor.empty() ? "none" : words.nor) +
                             (words.psram ? "/psram" : "")));
  return {};
}

Status take(CommandLine& line, Words& words, int option, const char* value) {
  switch (option) {
    case 'c':
      words.chip = value;
      return {};
    case 'd':
      words.board = value;
      return {};
    case 'n':
      words.nor = value;
      return {};
    case 'p':
      words.psram = true;
      return {};
    case 'l': {
      TRY(auto one, load(value));
      line.loads.push_back(std::move(one));
      return {};
    }
    case 'b':
      return boot(line, value);
    case 'a': {
      TRY(auto one, call(value));
      line.calls.push_back(std::move(one));
      return {};
    }
    case 'u':
      line.usb = value;
      return {};
    case 's':
      return until(line, value);
    case 't':
      line.trace = true;
      return {};
    case 'f':
      line.take_faults = true;
      return {};
    default:
      return Error(Code::kInvalid, "{}", kUsage);
  }
}

}  // namespace

const char* const kUsage =
    "usage: emu --chip CHIP [--nor PART] [--psram] [--load FILE[@ADDRESS]]...\n"
    "           [--boot reset|rom|ADDRESS] [--call FUNCTION[,ARGUMENT...]]... [--usb SOCKET]\n"
    "           [--until ADDRESS|SECONDS] [--trace] [--take-faults]\n"
    "       emu --board BOARD ...\n"
    "  FILE is an ELF, an Intel HEX, or plain bytes for ADDRESS. ADDRESS of --boot is that of a\n"
    "  vector table. An address is hexadecimal after 0x, or a name in a loaded ELF; a decimal\n"
    "  --until is virtual time, and all that --usb takes. With --take-faults the program's\n"
    "  handlers get its faults; otherwise each ends the run.";

Result<CommandLine> CommandLine::parse(int argc, char** argv) {
  static constexpr option kOptions[] = {
      {"chip", required_argument, nullptr, 'c'},  {"board", required_argument, nullptr, 'd'},
      {"nor", required_argument, nullptr, 'n'},   {"psram", no_argument, nullptr, 'p'},
      {"load", required_argument, nullptr, 'l'},  {"boot", required_argument, nullptr, 'b'},
      {"call", required_argument, nullptr, 'a'},  {"usb", required_argument, nullptr, 'u'},
      {"until", required_argument, nullptr, 's'}, {"trace", no_argument, nullptr, 't'},
      {"take-faults", no_argument, nullptr, 'f'}, {nullptr, 0, nullptr, 0}};
  CommandLine line;
  Words words;
  for (int c; (c = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    TRY_STATUS(take(line, words, c, optarg));
  }
  if (optind != argc) return Error(Code::kInvalid, "'{}' is no option\n{}", argv[optind], kUsage);
  TRY_STATUS(find(line, words));
  const bool serves = !line.usb.empty();
  if (serves && (!line.calls.empty() || line.until)) {
    return Error(Code::kInvalid,
                 "--usb serves until its input ends, or for --until SECONDS of the board's time: "
                 "no --call, and no address");
  }
  if (!serves && line.boots == Boot::kRom) {
    return Error(Code::kInvalid, "the ROM's bootloader waits for a host: it needs --usb");
  }
  if (line.boots == Boot::kNot && line.calls.empty()) {
    line.boots = serves && line.loads.empty() ? Boot::kRom : Boot::kReset;
  }
  return line;
}

}  // namespace gangd::emu
