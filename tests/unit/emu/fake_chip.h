// A chip without a CPU: a test plays its part, access by access.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/emu/parts/parts.h"

namespace gangd::emu {

class FakeChip final : public Chip {
 public:
  Time now() const override { return now_; }
  void wake_at(Time when) override { wakes_.insert(when); }
  void set_interrupt(unsigned line, bool high) override {
    if (high) {
      interrupts.insert(line);
    } else {
      interrupts.erase(line);
    }
  }
  void set_clock(std::uint32_t hz) override { clock_hz = hz; }
  void request_reset(std::string_view why) override { reset_why = why; }
  void violate(std::string sentence) override { violations.push_back(std::move(sentence)); }

  void read_memory(std::uint32_t address, std::span<std::uint8_t> bytes) override {
    for (std::uint8_t& byte : bytes) byte = memory[address++];
  }
  void write_memory(std::uint32_t address, std::span<const std::uint8_t> bytes) override {
    for (const std::uint8_t byte : bytes) memory[address++] = byte;
  }
  void open_window(std::uint32_t address, std::uint32_t size, Window& window,
                   bool writable) override {
    windows[address] = {.size = size, .window = &window, .writable = writable};
  }
  void refresh_window(std::uint32_t, std::uint32_t, std::uint32_t) override {}
  void close_window(std::uint32_t address) override { windows.erase(address); }

  struct OpenWindow {
    std::uint32_t size = 0;
    Window* window = nullptr;
    bool writable = false;
  };

  std::set<unsigned> interrupts;
  std::uint32_t clock_hz = 0;
  std::string reset_why;
  std::vector<std::string> violations;
  std::map<std::uint32_t, std::uint8_t> memory;
  std::map<std::uint32_t, OpenWindow> windows;

 private:
  friend class Bench;
  Time now_{};
  std::set<Time> wakes_;
};

// The parts on such a chip, after power-on.
class Bench {
 public:
  Bench() : outside(1), parts(make_parts(chip, outside)) {
    outside.power_on(std::chrono::seconds(1));
    reset(true);
  }

  void reset(bool cold) {
    for (const Mapped& mapped : parts) mapped.peripheral->reset(cold);
  }

  std::uint32_t read(std::uint32_t address, unsigned size = 4) {
    const Mapped* mapped = at(address);
    return mapped == nullptr ? 0 : mapped->peripheral->read(address - mapped->address, size);
  }
  void write(std::uint32_t address, std::uint32_t value, unsigned size = 4) {
    const Mapped* mapped = at(address);
    if (mapped != nullptr) mapped->peripheral->write(address - mapped->address, size, value);
  }
  void set(std::uint32_t address, std::uint32_t bits) { write(address, read(address) | bits); }
  void clear(std::uint32_t address, std::uint32_t bits) { write(address, read(address) & ~bits); }

  // Time passes; who wanted to be woken is.
  void pass(Time time) {
    const Time end = chip.now_ + time;
    while (!chip.wakes_.empty() && *chip.wakes_.begin() <= end) {
      chip.now_ = std::max(chip.now_, *chip.wakes_.begin());
      chip.wakes_.erase(chip.wakes_.begin());
      for (const Mapped& mapped : parts) mapped.peripheral->advance();
    }
    chip.now_ = end;
  }

  // What the CPU would read there, through the window that covers it.
  std::vector<std::uint8_t> peek(std::uint32_t address, std::uint32_t size) {
    for (const auto& [begin, open] : chip.windows) {
      if (address < begin || address - begin >= open.size) continue;
      const std::uint32_t first = (address - begin) / 1024 * 1024;
      std::vector<std::uint8_t> page((address - begin - first + size + 1023) / 1024 * 1024);
      if (!open.window->fill(first, page)) return {};
      const auto from = page.begin() + (address - begin - first);
      return {from, from + size};
    }
    return {};
  }
  // A store of the CPU.
  bool store(std::uint32_t address, std::vector<std::uint8_t> bytes) {
    for (const auto& [begin, open] : chip.windows) {
      if (address < begin || address - begin >= open.size || !open.writable) continue;
      open.window->store(address - begin, bytes);
      return true;
    }
    return false;
  }

  // The first violation since this was asked last; empty: none came.
  std::string violation() {
    if (chip.violations.empty()) return {};
    const std::string first = chip.violations.front();
    chip.violations.clear();
    return first;
  }

  FakeChip chip;
  Outside outside;
  std::vector<Mapped> parts;

 private:
  const Mapped* at(std::uint32_t address) {
    for (const Mapped& mapped : parts) {
      if (address >= mapped.address && address - mapped.address < mapped.size) return &mapped;
    }
    ADD_FAILURE() << "no peripheral at " << std::hex << address;
    return nullptr;
  }
};

// In a test: nothing was wrong so far.
#define EXPECT_CLEAN(bench) EXPECT_EQ((bench).violation(), "")
// In a test: a violation with these words came.
#define EXPECT_VIOLATION(bench, words)                                     \
  do {                                                                     \
    const std::string said = (bench).violation();                          \
    EXPECT_NE(said.find(words), std::string::npos) << "it said: " << said; \
  } while (false)

}  // namespace gangd::emu
