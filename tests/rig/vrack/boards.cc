#include "tests/rig/vrack/boards.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "tests/rig/vrack/echo_board.h"
#ifdef GANGD_WITH_VIRTUAL_BOARD
#include "tests/rig/vrack/virtual_rack_board.h"
#endif
#ifdef GANGD_WITH_EMU
#include "base/check.h"
#include "tests/rig/vrack/emu_rack_board.h"
#endif

namespace gangd::rig {
namespace {

constexpr std::string_view kEcho = "echo";
constexpr std::string_view kEmu = "emu:";

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> words;
  for (std::string_view left = list;;) {
    const std::size_t comma = std::min(left.find(','), left.size());
    words.emplace_back(left.substr(0, comma));
    if (comma == left.size()) return words;
    left.remove_prefix(comma + 1);
  }
}

#ifdef GANGD_WITH_VIRTUAL_BOARD
using Rom = VirtualRackBoard::Rom;

Result<model::UsbIds> parse_ids(std::string_view text) {
  unsigned vendor = 0;
  unsigned product = 0;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, vendor, 16);
  const bool has_both = first.ec == std::errc() && first.ptr < end && *first.ptr == ':';
  const auto second =
      has_both ? std::from_chars(first.ptr + 1, end, product, 16) : std::from_chars_result{};
  if (!has_both || second.ptr != end || vendor > 0xffff || product > 0xffff) {
    return Error(Code::kInvalid, "'{}' is no VVVV:PPPP", text);
  }
  return model::UsbIds{static_cast<std::uint16_t>(vendor), static_cast<std::uint16_t>(product)};
}

Result<std::optional<Rom>> parse_rom(std::string_view text) {
  constexpr std::string_view kApplication = "application=";
  std::optional<Rom> rom;
  if (text.empty()) return rom;
  rom.emplace();
  for (const std::string& word : split(text)) {
    if (const auto bug = model::find_rom_bug(word)) {
      rom->stages.rom.bugs.insert(*bug);
    } else if (word == "second-port") {
      rom->stages.second_port = true;
    } else if (word == "full-speed") {
      rom->high_speed = false;
    } else if (word.starts_with(kApplication)) {
      TRY(rom->stages.application, parse_ids(std::string_view(word).substr(kApplication.size())));
    } else if (word != "plain") {
      return Error(Code::kInvalid,
                   "--rom has no word '{}'; there are plain, full-speed, second-port, "
                   "application=VVVV:PPPP and {}",
                   word, fmt::join(model::rom_bug_names(), ", "));
    }
  }
  return rom;
}

// Makes the boards, and second connectors for those that have two.
class Maker {
 public:
  Maker(std::vector<std::string> names, std::optional<Rom> rom)
      : names_(std::move(names)), rom_(std::move(rom)) {}

  std::unique_ptr<RackBoard> make(std::size_t index, RackBoard::Host& host) {
    const bool has_two = rom_ && rom_->stages.second_port;
    const std::size_t board = has_two ? index / 2 : index;
    const std::string& name = names_[board % names_.size()];
    if (name == kEcho) return std::make_unique<EchoBoard>(index, host);
    const bool is_second = has_two && index % 2 == 1;
#ifdef GANGD_WITH_EMU
    if (name.starts_with(kEmu)) return make_emu(name.substr(kEmu.size()), board, is_second, host);
#endif
    if (is_second) return std::make_unique<VirtualRackBoard>(*virtual_, host);
    auto made = std::make_unique<VirtualRackBoard>(name, index, rom_, host);
    virtual_ = made.get();
    return made;
  }

 private:
#ifdef GANGD_WITH_EMU
  std::unique_ptr<RackBoard> make_emu(std::string_view name, std::size_t board, bool is_second,
                                      RackBoard::Host& host) {
    if (is_second) return std::make_unique<EmuRackBoard>(*emu_, host);
    auto kind = emu::find_board(name);
    CHECK(kind.has_value(), "{}", kind.error().message());
    auto made = EmuRackBoard::make(emu_options(*std::move(kind), board), host);
    CHECK(made.has_value(), "{}", made.error().message());
    emu_ = made->get();
    return *std::move(made);
  }

  emu::EmuBoard::Options emu_options(emu::BoardKind kind, std::size_t board) const {
    emu::EmuBoard::Options options;
    options.kind = std::move(kind);
    options.seed = board + 1;
    options.boots_rom = rom_.has_value();
    if (rom_) options.rom = rom_->stages.rom;
    for (std::size_t i = 0; i < sizeof(std::uint32_t); ++i) {
      options.uid[i] = static_cast<std::uint8_t>((board + 1) >> 8 * i);
    }
    return options;
  }

  EmuRackBoard* emu_ = nullptr;  // the last one
#endif
  const std::vector<std::string> names_;
  const std::optional<Rom> rom_;
  // The connector that was made last waits here for its board's second one.
  VirtualRackBoard* virtual_ = nullptr;
};

BoardFactory factory_of(std::vector<std::string> names, std::optional<Rom> rom) {
  auto maker = std::make_shared<Maker>(std::move(names), std::move(rom));
  return [maker](std::size_t index, RackBoard::Host& host) { return maker->make(index, host); };
}
#endif

Status check_emu([[maybe_unused]] std::string_view name) {
#ifdef GANGD_WITH_EMU
  TRY_STATUS(emu::find_board(name));
  return {};
#else
  return Error(Code::kUnsupported, "this vrack was built without tests/emu");
#endif
}

}  // namespace

Result<BoardFactory> make_board_factory(std::string_view parts, std::string_view rom) {
  const std::vector<std::string> names = split(parts);
  for (const std::string& name : names) {
    if (name.empty()) return Error(Code::kInvalid, "'{}' has a part without name", parts);
    if (name.starts_with(kEmu)) TRY_STATUS(check_emu(name.substr(kEmu.size())));
  }
#ifdef GANGD_WITH_VIRTUAL_BOARD
  TRY(std::optional<Rom> parsed, parse_rom(rom));
  if (parsed && std::ranges::find(names, kEcho) != names.end()) {
    return Error(Code::kInvalid, "an echo board has no ROM: name parts that have");
  }
  return factory_of(names, std::move(parsed));
#else
  const bool is_known = std::ranges::all_of(names, [](auto& name) { return name == kEcho; });
  if (!is_known || !rom.empty()) {
    return Error(Code::kUnsupported, "this vrack knows no part but {}, and no ROM: '{}'", kEcho,
                 parts);
  }
  return BoardFactory([](std::size_t index, RackBoard::Host& host) {
    return std::make_unique<EchoBoard>(index, host);
  });
#endif
}

}  // namespace gangd::rig
