// WorkPlan: what of a unit is erased and written. Everything, or only what differs.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"

namespace gangd {

struct WorkPlan {
  struct Range {
    std::uint32_t address = 0;
    std::uint64_t size = 0;
    bool operator==(const Range&) const = default;
  };
  struct Piece {
    std::uint32_t address = 0;
    ByteView bytes;
  };

  std::vector<Range> erase;
  std::vector<Piece> write;
  std::uint64_t bytes_same = 0;  // that are there already

  std::uint64_t bytes_to_erase() const;
  std::uint64_t bytes_to_write() const;
};

// What belongs into the unit's memory, and the digests of what is there, by block; none: unknown.
struct PlannedPart {
  WorkPlan::Piece piece;
  std::vector<std::uint32_t> wanted;
  std::vector<std::uint32_t> held;
};

// `erase_unit`: an erase at this address takes whole ones of so many bytes, and all that is in
// them; what it would take of a part that is there already is written again.
WorkPlan plan_work(std::vector<PlannedPart> parts,
                   const std::function<std::uint64_t(std::uint32_t address)>& erase_unit);

}  // namespace gangd
