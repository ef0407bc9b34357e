#include "tests/emu/chips.h"

#include <algorithm>
#include <iterator>

namespace gangd::emu {
namespace {

constexpr std::uint32_t kItcm = 0x00000000, kDtcm = 0x20000000, kAxi = 0x24000000;
constexpr std::uint32_t kShare = 64 * 1024;

// Sizes as option bytes leave them at the factory.
constexpr RamBlock kH7rsRam[] = {
    {.name = "ITCM", .address = kItcm, .size = 64 * 1024},
    {.name = "DTCM", .address = kDtcm, .size = 64 * 1024},
    {.name = "AXI SRAM", .address = kAxi, .size = 456 * 1024},
    {.name = "AHB SRAM", .address = 0x30000000, .size = 32 * 1024},
};

constexpr std::string_view kNothingMapped = "no memory is mapped there, and the bus may lock up";

// ES0596 (errata of the device) 2.2.17; the others by the memory map of the reference manual.
constexpr ShyRange kH7rsShy[] = {
    {.address = 0x25000000,
     .size = 0x01000000,
     .why = "an access there hangs the bus (ES0596 2.2.17)",
     .hangs = true},
    {.address = 0x08fff000, .size = 0x1000, .why = "words of the OTP area may be broken"},
    {.address = 0x1ff00000, .size = 0x20000, .why = "the ROM may be locked"},
    {.address = 0x70000000, .size = 0x10000000, .why = kNothingMapped, .is_window = true},
    {.address = 0x90000000, .size = 0x10000000, .why = kNothingMapped, .is_window = true},
};

constexpr std::uint32_t kHsi = 64'000'000;
constexpr std::uint32_t kFlash = 0x08000000;

constexpr ChipKind kChips[] = {
    {.name = "stm32h7s7",
     .ram = kH7rsRam,
     .shy = kH7rsShy,
     .clock_hz = kHsi,
     .boot_address = kFlash},
    {.name = "stm32h7s3",
     .ram = kH7rsRam,
     .shy = kH7rsShy,
     .clock_hz = kHsi,
     .boot_address = kFlash},
    {.name = "stm32h7r7",
     .ram = kH7rsRam,
     .shy = kH7rsShy,
     .clock_hz = kHsi,
     .boot_address = kFlash},
};

}  // namespace

std::span<const ChipKind> chips() {
  return kChips;
}

std::vector<RamBlock> ram_of(const ChipKind& kind, unsigned itcm_share, unsigned dtcm_share) {
  std::vector<RamBlock> blocks(kind.ram.begin(), kind.ram.end());
  if (itcm_share == 0 && dtcm_share == 0) return blocks;
  const auto itcm = std::ranges::find(blocks, kItcm, &RamBlock::address);
  itcm->size += itcm_share * kShare;
  const auto dtcm = std::ranges::find(blocks, kDtcm, &RamBlock::address);
  dtcm->size += dtcm_share * kShare;
  std::erase_if(blocks, [](const RamBlock& block) { return block.address == kAxi; });
  constexpr RamBlock kAxiBlocks[] = {
      {.name = "AXI SRAM1", .address = kAxi, .size = 128 * 1024},
      {.name = "AXI SRAM2", .address = kAxi + 0x20000, .size = 128 * 1024},
      {.name = "AXI SRAM3", .address = kAxi + 0x40000, .size = 128 * 1024},
      {.name = "AXI SRAM4", .address = kAxi + 0x60000, .size = 72 * 1024},
  };
  for (const RamBlock& block : kAxiBlocks) {
    const bool given = (block.address == kAxi && itcm_share != 0) ||
                       (block.address == kAxi + 0x40000 && dtcm_share != 0);
    if (!given) blocks.push_back(block);
  }
  return blocks;
}

const ChipKind* find_chip(std::string_view name) {
  const auto at = std::ranges::find(kChips, name, &ChipKind::name);
  return at == std::end(kChips) ? nullptr : at;
}

}  // namespace gangd::emu
