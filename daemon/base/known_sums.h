// What is known of bytes that go to many boards, found out once for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace gangd {

class KnownSums {
 public:
  KnownSums() = default;
  // Known by where the bytes are: a copy would know those of the first.
  KnownSums(KnownSums&&) = default;
  KnownSums& operator=(KnownSums&&) = default;

  // Looks at the bytes, which lie at `address` and must stay as and where they are.
  void add(std::uint32_t address, ByteView bytes);

  // crc32c() of any bytes; little work for those that are part of what was added.
  std::uint32_t of(ByteView bytes) const;
  // Known to hold no page that is blank; of whole cells.
  bool are_full(ByteView bytes) const;

 private:
  // The cells that lie in it whole; they begin at multiples of their size of the address.
  struct Part {
    const std::uint8_t* begin;         // of the first cell
    std::vector<std::uint32_t> cells;  // their sums
    std::vector<bool> full;
  };

  const Part* part_of(ByteView bytes) const;

  std::vector<Part> parts_;
};

}  // namespace gangd
