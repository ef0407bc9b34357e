#include "ledger/sound_cells.h"

#include <algorithm>
#include <iterator>

namespace gangd {

bool SoundCells::take(const AttemptRow& attempt) {
  if (!attempt.end || attempt.end->verdict != Verdict::kPass) {
    return hold(attempt.image_extents) && hold(attempt.started.unit_extents);
  }
  // One that believed what it read has made nothing anew.
  if (attempt.end->bytes_found_same == 0 && attempt.end->bytes_found_blank == 0) {
    for (const Extent& extent : attempt.end->measured) {
      add(extent.address, extent.address + extent.size);
    }
  }
  return true;
}

bool SoundCells::hold(const std::vector<Extent>& extents) const {
  return std::ranges::all_of(extents, [this](const Extent& extent) {
    const auto after = ends_.upper_bound(extent.address);
    return after != ends_.begin() && extent.address + extent.size <= std::prev(after)->second;
  });
}

void SoundCells::add(std::uint64_t begin, std::uint64_t end) {
  auto next = ends_.upper_bound(end);
  while (next != ends_.begin() && std::prev(next)->second >= begin) {
    const auto touched = std::prev(next);
    begin = std::min(begin, touched->first);
    end = std::max(end, touched->second);
    next = ends_.erase(touched);
  }
  ends_.emplace(begin, end);
}

}  // namespace gangd
