// A program of tests/emu/firmware on a chip without peripherals.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "tests/emu/machine.h"
#include "tests/emu/program.h"
#include "tests/emu/words.h"

namespace gangd::emu {

inline std::string firmware_path(const std::string& name) {
  return std::string(GANGD_EMU_FIRMWARE) + "/" + name + ".elf";
}

class SmallProgram {
 public:
  static constexpr std::uint32_t kCode = 0x24040000;

  explicit SmallProgram(const std::string& name, Machine::Options options = {},
                        std::vector<Mapped> (*peripherals)(Chip&) = nullptr) {
    auto program = Program::read(firmware_path(name + "-chip"), std::nullopt);
    CHECK(program.has_value(), "{}", program.error().message());
    program_ = *std::move(program);
    options.name = [this](std::uint32_t address) { return program_.name(address); };
    auto machine = Machine::make(*find_chip("stm32h7s7"), std::move(options));
    CHECK(machine.has_value(), "{}", machine.error().message());
    machine_ = *std::move(machine);
    if (peripherals != nullptr) machine_->attach(peripherals(*machine_));
    machine_->power_on();
    for (const auto& segment : program_.segments) {
      CHECK(machine_->load(segment.address, segment.bytes).has_value(), "no RAM for it");
    }
    machine_->start(kCode);
  }

  // "passed", or where it stopped.
  std::string run() {
    machine_->stop_at(address("passed_here"));
    const auto stop = machine_->run(std::chrono::seconds(10));
    if (stop == Machine::Stop::kUntil) return "passed";
    return machine_->violation().empty() ? machine_->describe(machine_->program_counter())
                                         : machine_->violation();
  }

  Machine& machine() { return *machine_; }
  std::uint32_t address(const std::string& symbol) const { return program_.addresses.at(symbol); }
  std::uint32_t word(const std::string& symbol, std::uint32_t index = 0) {
    std::array<std::uint8_t, 4> bytes{};
    CHECK(machine_->peek(address(symbol) + 4 * index, bytes), "no RAM at {}", symbol);
    return word_at(bytes, 0);
  }
  // What it wrote down.
  std::vector<std::uint32_t> diary() {
    std::vector<std::uint32_t> words;
    for (std::uint32_t i = 0, count = word("diary_count"); i < count; ++i) {
      words.push_back(word("diary", i));
    }
    return words;
  }

 private:
  Program program_;
  std::unique_ptr<Machine> machine_;
};

}  // namespace gangd::emu
