#include "tests/emu/chip_on_board.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "tests/emu/parts/parts.h"

namespace gangd::emu {
namespace {

constexpr std::uint32_t kXspi1Window = 0x90000000, kXspi2Window = 0x70000000;
constexpr std::uint32_t kPsramSize = 32u << 20;  // an APS256XX

}  // namespace

Result<std::unique_ptr<ChipOnBoard>> ChipOnBoard::make(const BoardKind& kind,
                                                       Machine::Options options) {
  auto board = std::make_unique<ChipOnBoard>(kind, options.seed);
  TRY(board->machine_, Machine::make(*kind.chip, std::move(options)));
  board->machine_->attach(make_parts(*board->machine_, board->outside_));
  return board;
}

ChipOnBoard::ChipOnBoard(const BoardKind& kind, std::uint64_t seed) : kind_(kind), outside_(seed) {
  outside_.hse_hz = kind_.crystal_hz;
  outside_.xspi1_is_low = kind_.port1_is_low;
  outside_.xspi2_is_low = kind_.port2_is_low;
  for (const auto& [pin, level] : kind_.levels) outside_.levels[pin] = level;
  if (kind_.nor != nullptr) outside_.fit_nor(*kind_.nor, kind_.nor_port);
  if (kind_.psram) outside_.fit_psram(kPsramSize);
}

void ChipOnBoard::power_on(Time world) {
  outside_.power_on(world);
  machine_->set_ram(ram_of(*kind_.chip, outside_.itcm_share, outside_.dtcm_share));
  machine_->power_on();
}

void ChipOnBoard::power_off() {
  outside_.power_off(machine_->now());
}

// Flash is written in whole words; around these bytes it keeps what it has.
void ChipOnBoard::store_in_flash(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  constexpr std::uint32_t kWord = model::InternalFlash::kWordSize;
  const std::uint32_t begin = address / kWord * kWord;
  const std::uint32_t size =
      (address - begin + static_cast<std::uint32_t>(bytes.size()) + kWord - 1) / kWord * kWord;
  auto words = outside_.flash.peek(begin, size);
  if (!words) words.emplace(size, std::uint8_t{0xff});
  std::ranges::copy(bytes, words->begin() + (address - begin));
  outside_.flash.poke(begin, *words);
}

Status ChipOnBoard::store(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  using model::InternalFlash;
  const std::uint32_t offset = address - InternalFlash::kAddress;
  if (offset < InternalFlash::kSize && bytes.size() <= InternalFlash::kSize - offset) {
    store_in_flash(address, bytes);
    return {};
  }
  return store_outside(address, bytes);
}

// The flash chip shows in a window, at whichever the firmware opens; or it is RAM.
Status ChipOnBoard::store_outside(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  for (const std::uint32_t window : {kXspi1Window, kXspi2Window}) {
    const std::uint32_t offset = address - window;
    const std::uint32_t size = kind_.nor != nullptr ? kind_.nor->size : 0;
    if (offset >= size || bytes.size() > size - offset) continue;
    outside_.nor()->poke(offset, bytes);
    return {};
  }
  return machine_->load(address, bytes);
}

Status ChipOnBoard::store(const Program& program) {
  for (const Program::Segment& segment : program.segments) {
    TRY_STATUS(store(segment.address, segment.bytes));
  }
  return {};
}

}  // namespace gangd::emu
