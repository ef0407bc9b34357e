// A rule that is not enforced lets wrong firmware pass. Each program of tests/emu/strict breaks
// one, and must end with the sentence that it names itself.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "base/check.h"
#include "tests/emu/chip_on_board.h"
#include "tests/model/parts.h"

namespace gangd::emu {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kCode = 0x24040000;
constexpr std::string_view kRule = "rule_", kAllowed = "allowed_";
constexpr std::string_view kThrough = "nothing: it got through";

class StrictTest : public testing::TestWithParam<const char*> {
 public:
  StrictTest() {
    auto read = Program::read(std::string(GANGD_EMU_STRICT) + "/" + GetParam() + ".elf", {});
    CHECK(read.has_value(), "{}", read.error().message());
    program = *std::move(read);
  }

  // What BOARD says of this rule.
  bool has(const std::string& name, std::string_view word) const {
    const auto found = boards.find(name);
    if (found == boards.end()) return false;
    std::istringstream words(found->second);
    for (std::string each; words >> each;) {
      if (each == word) return true;
    }
    return false;
  }

  // A board with everything, switched on, and a host that asks whoever shows himself.
  void prepare(const std::string& rule = "") {
    Machine::Options options;
    options.take_faults = has(rule, "takes-faults");
    options.name = [this](std::uint32_t address) { return program.name(address); };
    auto made =
        ChipOnBoard::make(bare_board(*find_chip("stm32h7s7"), nullptr, false), std::move(options));
    CHECK(made.has_value(), "{}", made.error().message());
    board = *std::move(made);
    Outside& outside = board->outside();
    const model::Part* nor = model::find_part("MX66UW1G45G");
    for (const model::Part& part : model::parts()) {
      if (has(rule, part.name)) nor = &part;
    }
    outside.fit_nor(*nor, 2);
    outside.fit_psram(1u << 20, 1);
    outside.hse_hz = 24'000'000;
    be_host(rule);
    board->power_on({});
    if (has(rule, "continuous-read")) outside.nor()->leave_in_continuous_read();
    outside.flash.break_word(0x08008010);
    CHECK(board->store(program).has_value(), "no memory for it");
  }

  void be_host(const std::string& rule) {
    UsbHost& host = board->outside().usb_fs;
    transfer = {.setup = {0x80, 6, 0, 1, 0, 0, 64, 0}, .data = std::vector<std::uint8_t>(64)};
    if (has(rule, "host-configures")) transfer = {.setup = {0x00, 9, 1}, .data = {}};
    if (has(rule, "host-sends")) transfer = {.endpoint = 1, .data = std::vector<std::uint8_t>(64)};
    host.on_shown = [this, &host](bool shown) {
      if (!shown) return;
      host.bus_reset();
      host.submit(transfer);
    };
    if (!has(rule, "host-asks-again")) return;
    host.on_complete = [&host](model::Transfer& ended) {
      if (ended.outcome == model::Outcome::kStalled) host.submit(ended);
    };
  }

  std::uint32_t address(const std::string& symbol) { return program.addresses.at(symbol); }
  std::string text(const std::string& symbol) {
    std::string text;
    for (std::uint8_t byte[1] = {1}; byte[0] != 0;) {
      const auto at = address(symbol) + static_cast<std::uint32_t>(text.size());
      CHECK(board->machine().peek(at, byte), "no memory at {:#x}", at);
      if (byte[0] != 0) text.push_back(static_cast<char>(byte[0]));
    }
    return text;
  }

  // What ended it.
  std::string run(std::uint32_t function) {
    const std::uint32_t rule = function | 1;
    std::array<std::uint8_t, 4> word{};
    for (unsigned i = 0; i < 4; ++i) word[i] = static_cast<std::uint8_t>(rule >> (8 * i));
    CHECK(board->store(address("chosen_rule"), word).has_value(), "no memory for it");
    Machine& machine = board->machine();
    machine.start(kCode);
    machine.stop_at(address("passed_here"));
    switch (machine.run(500ms)) {
      case Machine::Stop::kViolation:
        return machine.sentence();
      case Machine::Stop::kUntil:
        return std::string(kThrough);
      default:
        return "nothing; it is in " + machine.describe(machine.program_counter());
    }
  }

  Program program;
  std::map<std::string, std::string> boards;  // by rule
  model::Transfer transfer;
  std::unique_ptr<ChipOnBoard> board;
};

TEST_P(StrictTest, EachRuleIsEnforced) {
  unsigned rules = 0;
  for (const auto& [symbol, at] : program.addresses) {
    if (!symbol.starts_with(kRule)) continue;
    ++rules;
    const std::string name = symbol.substr(kRule.size());
    // Words of a program are in its file, and known when it is in a memory.
    if (program.addresses.contains("board_" + name)) {
      prepare();
      boards[name] = text("board_" + name);
      board->power_off();
    }
    prepare(name);
    const std::string expected = text("sentence_" + name);
    EXPECT_EQ(run(at), expected) << name << "\n" << board->machine().violation();
    board->power_off();
  }
  EXPECT_GT(rules, 9u);
}

TEST_P(StrictTest, WhatIsAllowedGetsThrough) {
  for (const auto& [symbol, at] : program.addresses) {
    if (!symbol.starts_with(kAllowed)) continue;
    prepare();
    EXPECT_EQ(run(at), kThrough) << symbol << "\n" << board->machine().violation();
    board->power_off();
  }
}

INSTANTIATE_TEST_SUITE_P(All, StrictTest,
                         testing::Values("clocks", "cpu", "exceptions", "flash_commands",
                                         "internal_flash", "psram", "serial_flash", "units", "usb",
                                         "usb_bus"),
                         [](const auto& given) { return std::string(given.param); });

}  // namespace
}  // namespace gangd::emu
