// The memory layout that a DfuSe device tells in the name of an alternate setting, such as
//   @External Flash /0x90000000/2048*064Kg
// (ST UM0424, 4.3.2). Meant to be read as dfu-util 0.11 reads it, but stricter: a segment of no
// pages, of an unknown type, or past the end of the address space is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gangd {

struct LayoutSegment {
  std::uint32_t address = 0;
  std::uint32_t pages = 0;
  std::uint32_t page_size = 0;
  bool readable = false;
  bool erasable = false;
  bool writable = false;

  std::uint64_t end() const { return address + std::uint64_t{pages} * page_size; }
  bool operator==(const LayoutSegment&) const = default;
};

struct Layout {
  std::string name;
  std::vector<LayoutSegment> segments;

  // The segment that holds this address, or null.
  const LayoutSegment* segment_at(std::uint32_t address) const;
  // Whether [address, address + size) lies in segments without a gap.
  bool holds(std::uint32_t address, std::uint64_t size) const;
};

// A part of the text that cannot be understood is left out, with all that follows it up to the next
// address, as that tool does; kInvalid if nothing is left.
Result<Layout> parse_layout(std::string_view text);

}  // namespace gangd
