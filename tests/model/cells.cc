#include "tests/model/cells.h"

#include <algorithm>

namespace gangd::model {
namespace {

constexpr std::uint32_t kWhole = 1000;  // of progress

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

// Calls f(done, offset in the block, size) for each piece that lies in one block.
template <typename F>
void for_each_piece(std::uint32_t address, std::uint32_t size, F f) {
  for (std::uint32_t done = 0; done < size;) {
    const std::uint32_t offset = (address + done) % Cells::kBlockSize;
    const std::uint32_t part = std::min(size - done, Cells::kBlockSize - offset);
    f(done, offset, part);
    done += part;
  }
}

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

void Cells::read(std::uint32_t address, std::span<std::uint8_t> bytes) {
  peek(address, bytes);
  const auto flip = [&](std::uint8_t& byte, std::uint8_t weak) {
    if (weak != 0) byte = static_cast<std::uint8_t>(byte ^ (weak & random_bits(kFlipPerMille)));
  };
  const std::uint32_t size = static_cast<std::uint32_t>(bytes.size());
  for_each_piece(address, size, [&](std::uint32_t done, std::uint32_t offset, std::uint32_t part) {
    const Block* block = find(address + done);
    if (block == nullptr || !block->weak || are_kind_) return;
    for (std::uint32_t i = 0; i < part; ++i) flip(bytes[done + i], (*block->weak)[offset + i]);
  });
  for (auto it = worn_.lower_bound(address); it != worn_.end() && it->first - address < size;
       ++it) {
    flip(bytes[it->first - address], it->second);
  }
}

void Cells::peek(std::uint32_t address, std::span<std::uint8_t> bytes) const {
  for_each_piece(address, static_cast<std::uint32_t>(bytes.size()),
                 [&](std::uint32_t done, std::uint32_t offset, std::uint32_t part) {
                   const Block* block = find(address + done);
                   if (block == nullptr) {
                     std::ranges::fill(bytes.subspan(done, part), std::uint8_t{0xff});
                   } else {
                     std::copy_n(block->bytes.begin() + offset, part, bytes.begin() + done);
                   }
                 });
}

bool Cells::firm(std::uint32_t address, std::uint32_t size) const {
  const auto worn = worn_.lower_bound(address);
  bool all = worn == worn_.end() || worn->first - address >= size;
  for_each_piece(address, size, [&](std::uint32_t done, std::uint32_t offset, std::uint32_t part) {
    const Block* block = find(address + done);
    if (block == nullptr || !block->weak) return;
    const std::span<const std::uint8_t> weak(*block->weak);
    all = all && std::ranges::all_of(weak.subspan(offset, part),
                                     [](std::uint8_t bits) { return bits == 0; });
  });
  return all;
}

void Cells::poke(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  for_each_piece(address, static_cast<std::uint32_t>(bytes.size()),
                 [&](std::uint32_t done, std::uint32_t offset, std::uint32_t part) {
                   Block& block = make(address + done);
                   std::copy_n(bytes.begin() + done, part, block.bytes.begin() + offset);
                   if (block.weak) std::fill_n(block.weak->begin() + offset, part, std::uint8_t{0});
                 });
}

void Cells::program(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  program_partly(address, bytes, kWhole);
}

void Cells::program_partly(std::uint32_t address, std::span<const std::uint8_t> bytes,
                           std::uint32_t progress) {
  for_each_piece(address, static_cast<std::uint32_t>(bytes.size()),
                 [&](std::uint32_t done, std::uint32_t offset, std::uint32_t part) {
                   const auto piece = bytes.subspan(done, part);
                   const auto blank = [](std::uint8_t byte) { return byte == 0xff; };
                   if (std::ranges::all_of(piece, blank)) return;  // needs no block
                   Block& block = make(address + done);
                   for (std::uint32_t i = 0; i < part; ++i) {
                     program_byte(block, offset + i, piece[i], progress);
                   }
                 });
}

void Cells::program_byte(Block& block, std::uint32_t at, std::uint8_t byte,
                         std::uint32_t progress) {
  unsigned clear = block.bytes[at] & ~unsigned{byte};
  if (clear == 0) return;
  if (progress < kWhole) clear &= random_bits(progress);
  if (block.weak) {
    const unsigned weak = (*block.weak)[at];
    if ((clear & weak) != 0) clear &= ~weak | random_bits(kWhole / 2);
  }
  block.bytes[at] = static_cast<std::uint8_t>(block.bytes[at] & ~clear);
}

void Cells::erase(std::uint32_t address, std::uint32_t size) {
  for_each_piece(address, size, [&](std::uint32_t done, std::uint32_t offset, std::uint32_t part) {
    if (part == kBlockSize) {
      blocks_.erase((address + done) / kBlockSize);
    } else if (Block* block = find(address + done)) {
      std::fill_n(block->bytes.begin() + offset, part, std::uint8_t{0xff});
      if (block->weak) std::fill_n(block->weak->begin() + offset, part, std::uint8_t{0});
    }
  });
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
  for_each_piece(address, size, [&](std::uint32_t done, std::uint32_t offset, std::uint32_t part) {
    // A chip erase makes no blocks for cells that are blank anyway: 128 MiB for each cut would be
    // the price of cells that no test looks at.
    if (size > kBlockSize && find(address + done) == nullptr) return;
    Block& block = make(address + done);
    if (progress < kPreProgramPerMille) {
      pre_program_partly(block, offset, offset + part, progress * kWhole / kPreProgramPerMille);
    } else {
      draw_up_partly(block, offset, offset + part,
                     (progress - kPreProgramPerMille) * kWhole / (kWhole - kPreProgramPerMille));
    }
  });
}

void Cells::wear_out(std::uint32_t address, unsigned bit) {
  worn_[address] = static_cast<std::uint8_t>(worn_[address] | 1u << bit);
}

}  // namespace gangd::model
