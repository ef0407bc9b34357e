// The time that a flash chip itself needs for a job, from its table and by nobody's firmware: every
// command goes out as soon as the one before it has ended, and the operations take their typical
// time. What is measured is measured against this.
#pragma once

#include <cstdint>

#include "tests/model/parts.h"

namespace gangd::bench {

// What is necessary, in bytes; blocks and pages are counted in full.
struct ChipWork {
  std::uint64_t erased = 0;
  std::uint64_t programmed = 0;
  std::uint64_t read = 0;
};

struct ChipLimit {
  double erase_s = 0;
  double program_s = 0;
  double read_s = 0;

  double seconds() const { return erase_s + program_s + read_s; }
};

// No board of ours programs at a faster clock: target_fw/core/nor_start.c says why.
inline constexpr double kBoardClock = 50e6;

// On all lanes that the part has, at its own clock but at most this one. An erase: write enable,
// the command, one look at the status; a page: write enable, the command with its load, one look; a
// read: one command for all of it. The whole chip is erased at once where that takes less time than
// its blocks.
ChipLimit chip_limit(const model::Part& part, const ChipWork& work, double clock = kBoardClock);

}  // namespace gangd::bench
