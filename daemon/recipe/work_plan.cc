#include "recipe/work_plan.h"

#include <algorithm>

#include "base/block_digests.h"

namespace gangd {
namespace {

// A block of a part, and what an erase of it takes.
struct Block {
  std::size_t part = 0;
  WorkPlan::Piece piece;
  std::uint64_t erase_begin = 0;
  std::uint64_t erase_end = 0;
  bool differs = true;
};

using EraseUnit = std::function<std::uint64_t(std::uint32_t address)>;

void add_blocks(std::vector<Block>& blocks, std::size_t index, const PlannedPart& part,
                const EraseUnit& erase_unit) {
  const bool is_known = !part.held.empty() && part.held.size() == part.wanted.size();
  std::size_t number = 0;
  for (std::size_t at = 0; at < part.piece.bytes.size(); ++number) {
    const auto address = static_cast<std::uint32_t>(part.piece.address + at);
    const std::size_t room = kDigestBlock - address % kDigestBlock;
    Block block;
    block.part = index;
    block.piece = {address,
                   part.piece.bytes.subspan(at, std::min(room, part.piece.bytes.size() - at))};
    const std::uint64_t unit = erase_unit(address);
    const std::uint64_t end = address + std::uint64_t{block.piece.bytes.size()};
    block.erase_begin = address / unit * unit;
    block.erase_end = (end + unit - 1) / unit * unit;
    block.differs = !is_known || part.held[number] != part.wanted[number];
    at += block.piece.bytes.size();
    blocks.push_back(block);
  }
}

// Neighbours of what is erased that go with it.
void spread(std::vector<Block>& blocks) {
  const auto infect = [](const Block& from, Block& to) {
    const bool apart = from.erase_end <= to.erase_begin || to.erase_end <= from.erase_begin;
    if (from.differs && !apart) to.differs = true;
  };
  for (std::size_t i = 1; i < blocks.size(); ++i) infect(blocks[i - 1], blocks[i]);
  for (std::size_t i = blocks.size(); i-- > 1;) infect(blocks[i], blocks[i - 1]);
}

void add(WorkPlan& plan, const Block& block, bool continues) {
  const std::uint64_t end =
      plan.erase.empty() ? 0 : plan.erase.back().address + plan.erase.back().size;
  if (block.erase_begin < end || (continues && block.erase_begin == end)) {
    plan.erase.back().size = std::max(end, block.erase_end) - plan.erase.back().address;
  } else {
    plan.erase.push_back(
        {static_cast<std::uint32_t>(block.erase_begin), block.erase_end - block.erase_begin});
  }
  if (continues) {
    WorkPlan::Piece& last = plan.write.back();
    last.bytes = {last.bytes.data(), last.bytes.size() + block.piece.bytes.size()};
  } else {
    plan.write.push_back(block.piece);
  }
}

}  // namespace

std::uint64_t WorkPlan::bytes_to_erase() const {
  std::uint64_t sum = 0;
  for (const Range& range : erase) sum += range.size;
  return sum;
}

std::uint64_t WorkPlan::bytes_to_write() const {
  std::uint64_t sum = 0;
  for (const Piece& piece : write) sum += piece.bytes.size();
  return sum;
}

WorkPlan plan_work(std::vector<PlannedPart> parts, const EraseUnit& erase_unit) {
  std::ranges::sort(parts, {}, [](const PlannedPart& part) { return part.piece.address; });
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < parts.size(); ++i) add_blocks(blocks, i, parts[i], erase_unit);
  spread(blocks);
  WorkPlan plan;
  const Block* before = nullptr;
  for (const Block& block : blocks) {
    if (block.differs) {
      add(plan, block, before != nullptr && before->differs && before->part == block.part);
    } else {
      plan.bytes_same += block.piece.bytes.size();
    }
    before = &block;
  }
  return plan;
}

}  // namespace gangd
