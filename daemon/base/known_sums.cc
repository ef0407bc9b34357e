#include "base/known_sums.h"

#include <algorithm>
#include <functional>

#include "base/crc32c.h"
#include "base/page_run.h"

namespace gangd {
namespace {

// Pieces of an image on their way to a board begin at multiples of it and are as long, but for
// some.
constexpr std::size_t kCell = 4096;

}  // namespace

void KnownSums::add(std::uint32_t address, ByteView bytes) {
  const std::size_t before = (kCell - address % kCell) % kCell;
  if (bytes.size() < before + kCell) return;
  Part part = {bytes.data() + before, {}, {}};
  for (ByteView left = bytes.subspan(before); left.size() >= kCell; left = left.subspan(kCell)) {
    const ByteView cell = left.first(kCell);
    part.cells.push_back(crc32c(cell));
    part.full.push_back(next_run(0, cell, 0, kCell).size == kCell);
  }
  parts_.push_back(std::move(part));
}

const KnownSums::Part* KnownSums::part_of(ByteView bytes) const {
  // Of pointers into different arrays only std::less knows an order.
  const std::less<> before;
  for (const Part& part : parts_) {
    const std::uint8_t* const end = part.begin + part.cells.size() * kCell;
    if (!before(bytes.data(), part.begin) && before(bytes.data(), end)) return &part;
  }
  return nullptr;
}

std::uint32_t KnownSums::of(ByteView bytes) const {
  const Part* const part = part_of(bytes);
  if (part == nullptr) return crc32c(bytes);
  auto at = static_cast<std::size_t>(bytes.data() - part->begin);
  const std::size_t first = std::min(bytes.size(), (kCell - at % kCell) % kCell);
  std::uint32_t sum = crc32c(bytes.first(first));
  at += first;
  bytes = bytes.subspan(first);
  for (; bytes.size() >= kCell && at / kCell < part->cells.size(); at += kCell) {
    sum = crc32c_joined(sum, part->cells[at / kCell], kCell);
    bytes = bytes.subspan(kCell);
  }
  return crc32c(bytes, sum);
}

bool KnownSums::are_full(ByteView bytes) const {
  const Part* const part = part_of(bytes);
  if (part == nullptr || bytes.size() % kCell != 0) return false;
  const auto at = static_cast<std::size_t>(bytes.data() - part->begin);
  const std::size_t first = at / kCell;
  const std::size_t count = bytes.size() / kCell;
  if (at % kCell != 0 || count > part->full.size() - first) return false;
  const auto begin = part->full.begin() + static_cast<std::ptrdiff_t>(first);
  return std::all_of(begin, begin + static_cast<std::ptrdiff_t>(count), std::identity());
}

}  // namespace gangd
