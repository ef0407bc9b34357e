// The flash parts that can be modelled: what parts.toml says, as a table. parts.toml has the source
// of each figure; parts.cc is generated from it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace gangd::model {

// How long an operation keeps the chip busy.
struct BusyTime {
  std::chrono::nanoseconds typical{};
  std::chrono::nanoseconds maximum{};
};

struct EraseType {
  std::uint32_t size = 0;
  std::uint8_t opcode = 0;
  std::uint8_t opcode_4byte = 0;  // 0: none
  BusyTime time;
  BusyTime low_power_time;  // that of `time` where the part has no such mode
};

struct ArrayTimes {
  BusyTime page_program;
  BusyTime chip_erase;
  BusyTime register_write;
};

// The fastest clock in each mode, in Hz; 0 where the part does not have the mode.
struct ClockLimits {
  std::uint32_t read = 0;  // 03h
  std::uint32_t spi = 0;
  std::uint32_t quad = 0;
  std::uint32_t octal_str = 0;
  std::uint32_t octal_dtr = 0;
  std::uint32_t sfdp = 0;
  std::uint32_t low_power_spi = 0;
  std::uint32_t low_power_quad = 0;
};

// How a part programs on four lanes. The instruction is on one; 0: it cannot.
struct QuadProgram {
  std::uint8_t opcode = 0;
  std::uint8_t opcode_4byte = 0;
  std::uint8_t address_lanes = 0;
};

struct Part {
  enum class Bus { kQuad, kOctal };
  // Decides which registers there are beside the status register.
  enum class Maker { kMacronix, kMicron, kWinbond, kIssi };

  std::string_view name;
  std::array<std::uint8_t, 3> jedec_id{};
  Bus bus = Bus::kQuad;
  Maker maker = Maker::kMacronix;
  std::uint32_t dies = 1;  // 2: two chips side by side, each with half of the lanes and the bytes
  // These and the erase types are those of all dies together; the rest is of each.
  std::uint32_t size = 0;
  std::uint32_t page_size = 0;
  bool four_byte = false;              // knows 4-byte addresses
  bool swaps_octal_dtr = false;        // in octal DTR the two bytes of each word change places
  std::uint32_t banks = 1;             // of equal size, each readable while another is written
  std::span<const std::uint8_t> sfdp;  // empty: reads as 0xFF

  std::chrono::nanoseconds power_up{};
  std::chrono::nanoseconds deep_power_down_exit{};
  std::chrono::nanoseconds reset{};
  std::chrono::nanoseconds reset_busy{};  // when the reset cut an operation
  std::chrono::nanoseconds suspend{};

  // In the security register (Macronix, 2Bh) or the flag status register (Micron, 70h). 0: the part
  // does not say how an operation ended.
  std::uint8_t program_fail_bit = 0;
  std::uint8_t erase_fail_bit = 0;
  std::uint8_t protection_bits = 0;  // in the status register
  // In the status register, or in the second one (Winbond). 0: needs none, or has no quad mode.
  std::uint8_t quad_enable_bit = 0;
  QuadProgram program_quad;
  std::uint8_t read_1_4_4_dummies = 0;  // of EBh, those of mode bits included

  ClockLimits clock;
  ArrayTimes times;
  bool has_low_power = false;  // a mode that it powers up in, slower in everything
  ArrayTimes low_power_times;
  std::span<const EraseType> erase_types;  // by size
};

std::span<const Part> parts();

// Null if parts.toml has none of this name.
const Part* find_part(std::string_view name);

}  // namespace gangd::model
