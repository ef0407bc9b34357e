// The kinds of chips: which RAM is where.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace gangd::emu {

struct RamBlock {
  std::string_view name;
  std::uint32_t address = 0;
  std::uint32_t size = 0;
  friend bool operator==(const RamBlock&, const RamBlock&) = default;
};

// Where not even a read ahead may go, as a Cortex-M7 makes them wherever memory is Normal.
struct ShyRange {
  std::uint32_t address = 0;
  std::uint32_t size = 0;
  std::string_view why;
  bool hangs = false;      // any access does; otherwise one that is meant is all right
  bool is_window = false;  // what is mapped at its begin may be read ahead
};

struct ChipKind {
  std::string_view name;
  std::span<const RamBlock> ram;
  std::span<const ShyRange> shy;
  std::uint32_t clock_hz = 0;      // of the CPU, out of reset
  std::uint32_t boot_address = 0;  // of the vectors, out of reset
};

std::span<const ChipKind> chips();

// With option bytes that gave AXI SRAM to the TCMs: 0 nothing, 1 64 KB, 2 128 KB of the block that
// each shares. What is left of a block is not used here: which half it is, no header says.
std::vector<RamBlock> ram_of(const ChipKind& kind, unsigned itcm_share, unsigned dtcm_share);

// Null if there is none of this name.
const ChipKind* find_chip(std::string_view name);

}  // namespace gangd::emu
