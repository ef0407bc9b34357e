#include "tests/model/cells.h"

#include <algorithm>

namespace gangd::model {
namespace {

// How often a weak or worn cell reads the wrong way. Silicon has any rate; one in four lets a test
// see both ways within a few reads.
constexpr std::uint32_t kFlipPerMille = 250;

// How the time of an erase divides into programming all cells and drawing them up. NOR spends most
// of it on the latter; the ratio itself is of no matter here.
constexpr std::uint32_t kPreProgramPerMille = 250;

// From here on an erase reads blank everywhere, although some cells do not hold: the trap that a
// blank check falls into.
constexpr std::uint32_t kReadsBlankPerMille = 700;
constexpr std::uint32_t kWeakPerMille = 20;

}  // namespace

Cells::Block* Cells::find(std::uint32_t address) {
  const auto it = blocks_.find(address / kBlockSize);
  return it == blocks_.end() ? nullptr : it->second.get();
}

const Cells::Block* Cells::find(std::uint32_t address) const {
  const auto it = blocks_.find(address / kBlockSize);
  return it == blocks_.end() ? nullptr : it->second.get();
}

Cells::Block& Cells::make(std::uint32_t address) {
  std::unique_ptr<Block>& block = blocks_[address / kBlockSize];
  if (!block) {
    block = std::make_unique<Block>();
    block->bytes.fill(0xff);
  }
  return *block;
}

std::uint8_t Cells::random_bits(std::uint32_t per_mille) {
  unsigned bits = 0;
  for (unsigned bit = 0; bit < 8; ++bit) bits |= (prng_.chance(per_mille) ? 1u : 0u) << bit;
  return static_cast<std::uint8_t>(bits);
}

std::uint8_t Cells::weak_bits(const Block* block, std::uint32_t address) const {
  const std::uint8_t weak =
      block != nullptr && block->weak ? (*block->weak)[address % kBlockSize] : std::uint8_t{0};
  if (worn_.empty()) return weak;
  const auto it = worn_.find(address);
  return it == worn_.end() ? weak : static_cast<std::uint8_t>(weak | it->second);
}

void Cells::read(std::uint32_t address, std::span<std::uint8_t> bytes) {
  peek(address, bytes);
  for (std::uint32_t i = 0; i < bytes.size(); ++i) {
    const std::uint8_t weak = weak_bits(find(address + i), address + i);
    if (weak != 0)
      bytes[i] = static_cast<std::uint8_t>(bytes[i] ^ (weak & random_bits(kFlipPerMille)));
  }
}

void Cells::peek(std::uint32_t address, std::span<std::uint8_t> bytes) const {
  while (!bytes.empty()) {
    const std::uint32_t offset = address % kBlockSize;
    const std::size_t part = std::min<std::size_t>(bytes.size(), kBlockSize - offset);
    const Block* block = find(address);
    if (block == nullptr) {
      std::ranges::fill(bytes.first(part), std::uint8_t{0xff});
    } else {
      std::copy_n(block->bytes.begin() + offset, part, bytes.begin());
    }
    bytes = bytes.subspan(part);
    address += static_cast<std::uint32_t>(part);
  }
}

void Cells::poke(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  for (std::uint32_t i = 0; i < bytes.size(); ++i) {
    Block& block = make(address + i);
    block.bytes[(address + i) % kBlockSize] = bytes[i];
    if (block.weak) (*block.weak)[(address + i) % kBlockSize] = 0;
  }
}

void Cells::program(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  program_partly(address, bytes, 1000);
}

void Cells::program_partly(std::uint32_t address, std::span<const std::uint8_t> bytes,
                           std::uint32_t progress) {
  for (std::uint32_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == 0xff) continue;
    Block& block = make(address + i);
    std::uint8_t& stored = block.bytes[(address + i) % kBlockSize];
    unsigned clear = stored & ~unsigned{bytes[i]};
    if (progress < 1000) clear &= random_bits(progress);
    if (block.weak) {
      const unsigned weak = (*block.weak)[(address + i) % kBlockSize];
      if ((clear & weak) != 0) clear &= ~weak | random_bits(500);
    }
    stored = static_cast<std::uint8_t>(stored & ~clear);
  }
}

void Cells::erase(std::uint32_t address, std::uint32_t size) {
  const std::uint32_t end = address + size;
  while (address < end) {
    const std::uint32_t offset = address % kBlockSize;
    const std::uint32_t part = std::min(end - address, kBlockSize - offset);
    if (part == kBlockSize) {
      blocks_.erase(address / kBlockSize);
    } else if (Block* block = find(address)) {
      std::fill_n(block->bytes.begin() + offset, part, std::uint8_t{0xff});
      if (block->weak) std::fill_n(block->weak->begin() + offset, part, std::uint8_t{0});
    }
    address += part;
  }
}

void Cells::pre_program_partly(Block& block, std::uint32_t begin, std::uint32_t end,
                               std::uint32_t progress) {
  for (std::uint32_t i = begin; i < end; ++i) {
    block.bytes[i] = static_cast<std::uint8_t>(block.bytes[i] & ~random_bits(progress));
  }
}

void Cells::draw_up_partly(Block& block, std::uint32_t begin, std::uint32_t end,
                           std::uint32_t progress) {
  if (!block.weak) {
    block.weak = std::make_unique<std::array<std::uint8_t, kBlockSize>>();
    block.weak->fill(0);
  }
  for (std::uint32_t i = begin; i < end; ++i) {
    block.bytes[i] = progress >= kReadsBlankPerMille ? std::uint8_t{0xff} : random_bits(progress);
    (*block.weak)[i] = static_cast<std::uint8_t>(
        block.bytes[i] & (prng_.chance(kWeakPerMille) ? random_bits(500) : 0));
  }
}

void Cells::erase_partly(std::uint32_t address, std::uint32_t size, std::uint32_t progress) {
  const std::uint32_t end = address + size;
  while (address < end) {
    const std::uint32_t offset = address % kBlockSize;
    const std::uint32_t part = std::min(end - address, kBlockSize - offset);
    // A chip erase makes no blocks for cells that are blank anyway: 128 MiB for each cut would be
    // the price of cells that no test looks at.
    if (size <= kBlockSize || find(address) != nullptr) {
      Block& block = make(address);
      if (progress < kPreProgramPerMille) {
        pre_program_partly(block, offset, offset + part, progress * 1000 / kPreProgramPerMille);
      } else {
        draw_up_partly(block, offset, offset + part,
                       (progress - kPreProgramPerMille) * 1000 / (1000 - kPreProgramPerMille));
      }
    }
    address += part;
  }
}

void Cells::wear_out(std::uint32_t address, unsigned bit) {
  worn_[address] = static_cast<std::uint8_t>(worn_[address] | 1u << bit);
}

}  // namespace gangd::model
