#include "tests/emu/board_kinds.h"

#include <algorithm>
#include <deque>

namespace gangd::emu {
namespace {

constexpr std::uint32_t kCrystal = 24'000'000;
constexpr Pin kUserButton{.port = 2, .bit = 13};  // PC13

struct Known {
  std::string_view name;
  std::string_view chip;
  std::string_view nor;
  unsigned nor_port;
  bool psram;
  std::uint32_t crystal_hz;
  bool port1_is_low;
  bool port2_is_low;
  Pin button;
  bool button_level;
};

// The first two by ST's board support packages and Zephyr's device trees; the third is the example
// of target_fw/boards, as its README describes it.
constexpr Known kBoards[] = {
    {.name = "stm32h7s78-dk",
     .chip = "stm32h7s7",
     .nor = "MX66UW1G45G",
     .nor_port = 2,
     .psram = true,
     .crystal_hz = kCrystal,
     .port1_is_low = true,
     .port2_is_low = true,
     .button = kUserButton,
     .button_level = true},
    {.name = "nucleo-h7s3l8",
     .chip = "stm32h7s3",
     .nor = "MX25UW25645G",
     .nor_port = 2,
     .psram = false,
     .crystal_hz = kCrystal,
     .port1_is_low = true,
     .port2_is_low = true,
     .button = kUserButton,
     .button_level = false},
    {.name = "custom-h7r7",
     .chip = "stm32h7r7",
     .nor = "W25Q128JV",
     .nor_port = 2,
     .psram = false,
     .crystal_hz = 0,
     .port1_is_low = false,
     .port2_is_low = false,
     .button = {.port = 1, .bit = 2},
     .button_level = true},
};

std::string names() {
  std::string all;
  for (const Known& known : kBoards) all += std::string(known.name) + ", ";
  return all + "or CHIP/PART";
}

Result<const model::Part*> part_of(std::string_view name) {
  if (name == "none") return nullptr;
  const model::Part* const part = model::find_part(name);
  if (part != nullptr) return part;
  return Error(Code::kInvalid,
               "no flash part '{}'; tests/model/parts.toml has those that there are", name);
}

// As its maker's next part, which nobody entered anywhere: only its SFDP tells what it is.
const model::Part* unlisted(const model::Part& part) {
  static std::deque<model::Part> parts;
  parts.push_back(part);
  parts.back().jedec_id[2] ^= 0x80;
  return &parts.back();
}

Result<BoardKind> make(std::string_view name) {
  const std::size_t slash = name.find('/');
  const std::string_view chip = name.substr(0, slash);
  std::string_view part = name.substr(slash + 1);
  constexpr std::string_view kPsram = "/psram", kUnlisted = "/unlisted";
  const ChipKind* const found = find_chip(chip);
  if (found == nullptr) return Error(Code::kInvalid, "no chip '{}'", chip);
  const bool psram = part.ends_with(kPsram);
  if (psram) part.remove_suffix(kPsram.size());
  const bool is_unlisted = part.ends_with(kUnlisted);
  if (is_unlisted) part.remove_suffix(kUnlisted.size());
  TRY(const model::Part* const nor, part_of(part));
  return bare_board(*found, is_unlisted && nor != nullptr ? unlisted(*nor) : nor, psram);
}

}  // namespace

Result<BoardKind> find_board(std::string_view name) {
  if (name.find('/') != name.npos) return make(name);
  const auto known = std::ranges::find(kBoards, name, &Known::name);
  if (known == std::end(kBoards)) {
    return Error(Code::kInvalid, "no board '{}'; there are {}", name, names());
  }
  BoardKind kind;
  kind.name = std::string(name);
  kind.chip = find_chip(known->chip);
  TRY(kind.nor, part_of(known->nor));
  kind.nor_port = known->nor_port;
  kind.psram = known->psram;
  kind.crystal_hz = known->crystal_hz;
  kind.port1_is_low = known->port1_is_low;
  kind.port2_is_low = known->port2_is_low;
  kind.levels.emplace_back(known->button, known->button_level);
  return kind;
}

BoardKind bare_board(const ChipKind& chip, const model::Part* nor, bool psram) {
  BoardKind kind;
  kind.name = std::string(chip.name);
  kind.chip = &chip;
  kind.nor = nor;
  kind.psram = psram;
  kind.port1_is_low = psram;
  kind.port2_is_low = nor != nullptr && nor->bus == model::Part::Bus::kOctal;
  return kind;
}

}  // namespace gangd::emu
