// The memory array of a flash chip: what programming, erasing and a loss of power in the middle of
// either does to cells. Addresses and sizes are checked by the caller.
//
// Blocks of 64 KiB come into being when something is first written to them, so that sixty-four
// blank chips of 128 MiB cost nothing.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "tests/sim/prng.h"

namespace gangd::model {

class Cells {
 public:
  static constexpr std::uint32_t kBlockSize = 64 * 1024;

  // Blank. Whatever is left to chance comes from `prng`.
  explicit Cells(sim::Prng prng) : prng_(prng) {}

  // Power is on. What is left half erased reads right as long as supply and temperature are kind,
  // and does not when they are not: one or the other from now on. Before the first time it does
  // not.
  void powered_on() { are_kind_ = prng_.chance(500); }
  // As the sense amplifiers see it: weak cells read one way or the other.
  void read(std::uint32_t address, std::span<std::uint8_t> bytes);
  // What is stored.
  void peek(std::uint32_t address, std::span<std::uint8_t> bytes) const;
  // Whether each cell holds what is stored: none was left half erased, and none is worn.
  bool firm(std::uint32_t address, std::uint32_t size) const;
  // Stores it, firmly.
  void poke(std::uint32_t address, std::span<const std::uint8_t> bytes);

  // Clears the bits that are 0 in `bytes`. A weak cell may or may not take it, and stays weak.
  void program(std::uint32_t address, std::span<const std::uint8_t> bytes);
  // Everything firmly to 0xFF.
  void erase(std::uint32_t address, std::uint32_t size);

  // The same, cut after `progress` of 1000: of the bits that should go to 0 some have gone.
  void program_partly(std::uint32_t address, std::span<const std::uint8_t> bytes,
                      std::uint32_t progress);
  // An erase first programs all cells to 0, then draws them up to 1: either is half done. Cells
  // that read 1 already may be weak.
  void erase_partly(std::uint32_t address, std::uint32_t size, std::uint32_t progress);

  // A worn cell: this bit reads wrong now and then, for good.
  void wear_out(std::uint32_t address, unsigned bit);

 private:
  struct Block {
    std::array<std::uint8_t, kBlockSize> bytes;
    std::unique_ptr<std::array<std::uint8_t, kBlockSize>> weak;  // a 1 for each weak cell
  };

  Block* find(std::uint32_t address);
  const Block* find(std::uint32_t address) const;
  Block& make(std::uint32_t address);
  void program_byte(Block& block, std::uint32_t at, std::uint8_t byte, std::uint32_t progress);
  void pre_program_partly(Block& block, std::uint32_t begin, std::uint32_t end,
                          std::uint32_t progress);
  void draw_up_partly(Block& block, std::uint32_t begin, std::uint32_t end, std::uint32_t progress);
  // Each bit is 1 in `per_mille` of 1000 cases.
  std::uint8_t random_bits(std::uint32_t per_mille);

  std::map<std::uint32_t, std::unique_ptr<Block>> blocks_;  // by address / kBlockSize
  std::map<std::uint32_t, std::uint8_t> worn_;              // bits by address
  sim::Prng prng_;
  bool are_kind_ = false;  // supply and temperature
};

}  // namespace gangd::model
