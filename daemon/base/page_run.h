// What of a range is to be programmed into erased memory, cut at places that all agree about.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace gangd {

struct PageRun {
  std::size_t at = 0;  // in the bytes
  std::size_t size = 0;
};

// The first pages from `at` on that are not blank, for bytes that lie at `address`; of size 0 if
// there are none. Pages of 0xFF are left out: that is what erased memory holds. A run ends at
// multiples of `run_max`, a power of two of at least a page, of the address.
PageRun next_run(std::uint32_t address, ByteView bytes, std::size_t at, std::size_t run_max);

// Whether all bytes are the same, and more than one.
bool is_one_value(ByteView bytes);

}  // namespace gangd
