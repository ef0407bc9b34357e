#include "tests/emu/parts/sbs.h"

#include <algorithm>

namespace gangd::emu {
namespace {

constexpr std::uint32_t kBootsr = 0x00, kHdplcr = 0x10, kHdplsr = 0x14, kCccsr = 0x110,
                        kCcvalr = 0x114, kCcswvalr = 0x118;
constexpr std::uint32_t kHslv = 1u << 16, kCellReady = 1u << 8;  // the first of three in a row

// Offsets, bits and reset values: CMSIS header and SVD of the device.
constexpr RegisterRule kRules[] = {
    {.offset = kBootsr, .name = "BOOTSR", .reset = 0x08000000, .read_only = ~0u},
    {.offset = kHdplcr, .name = "HDPLCR", .reset = 0xb4, .writable = 0xff},
    {.offset = kHdplsr, .name = "HDPLSR", .reset = 0x6f, .read_only = 0xff},
    {.offset = 0x20, .name = "DBGCR", .writable = 0xffffff},
    {.offset = 0x24, .name = "DBGLOCKR", .reset = 0xb4, .writable = 0xff},
    {.offset = 0x34, .name = "RSSCMDR", .writable = 0xffff},
    {.offset = 0x100, .name = "PMCR", .writable = 0x10e003f0},
    {.offset = 0x104, .name = "FPUIMR", .reset = 0x1f, .writable = 0x3f},
    {.offset = 0x108, .name = "MESR", .read_only = 1},
    {.offset = kCccsr, .name = "CCCSR", .writable = 0x7003f, .read_only = 0x700},
    {.offset = kCcvalr, .name = "CCVALR", .reset = 0x888888, .read_only = 0xffffff},
    {.offset = kCcswvalr, .name = "CCSWVALR", .reset = 0x888888, .writable = 0xffffff},
    {.offset = 0x120, .name = "BKLOCKR", .writable = 0xa060cc},
    {.offset = 0x130, .name = "EXTICR1", .writable = 0xffff},
    {.offset = 0x134, .name = "EXTICR2", .writable = 0xffff},
    {.offset = 0x138, .name = "EXTICR3", .writable = 0xffff},
    {.offset = 0x13c, .name = "EXTICR4", .writable = 0xffff},
};

constexpr Time kCellTime = std::chrono::microseconds(100);

}  // namespace

Sbs::Sbs(Chip& chip, const Outside& outside)
    : chip_(chip), outside_(outside), registers_(chip, "SBS", kRules) {}

void Sbs::reset(bool /*cold*/) {
  registers_.reset();
}

std::uint32_t Sbs::read(std::uint32_t offset, unsigned size) {
  for (unsigned cell = 0; cell < 3; ++cell) {
    const bool enabled = registers_.has(kCccsr, 1u << (2 * cell));
    registers_.change(kCccsr, kCellReady << cell, enabled && chip_.now() >= cell_ready_[cell]);
  }
  std::uint32_t codes = registers_.get(kCcvalr);
  for (unsigned port = 1; port <= 2; ++port) {
    if (!registers_.has(kCccsr, kCellReady << port)) continue;
    codes &= ~(0xffu << (8 * port));
    codes |= std::uint32_t{outside_.pad_codes[port - 1]} << (8 * port);
  }
  registers_.set(kCcvalr, codes);
  return registers_.read(offset, size);
}

// ES0596 2.2.15: what a cell finds is to be corrected by 2, and then kept.
std::string Sbs::pad_fault(unsigned port) const {
  if (!registers_.has(kCccsr, 1u << (2 * port))) return {};
  if (!registers_.has(kCccsr, 2u << (2 * port))) {
    return "its pads follow their compensation cell (COMP_EN without CODESEL), and fail when they "
           "are warm (ES0596 2.2.15)";
  }
  const unsigned found = outside_.pad_codes[port - 1];
  const unsigned n = std::min(found % 16 + 2, 15u), p = std::max(found / 16, 2u) - 2;
  if ((registers_.get(kCcswvalr) >> (8 * port) & 0xff) == (p << 4 | n)) return {};
  return "the code of its pads in CCSWVALR is not what the cell finds, 2 more for N and 2 less for "
         "P (ES0596 2.2.15)";
}

void Sbs::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  if (write->offset == kCccsr) {
    write_compensation(*write);
  } else if (write->offset != kHdplcr) {  // which reads as before
    registers_.set(write->offset, write->value);
  }
}

void Sbs::write_compensation(const RegisterFile::Write& write) {
  const bool low[3] = {outside_.vddio_is_low, outside_.xspi1_is_low, outside_.xspi2_is_low};
  for (unsigned cell = 0; cell < 3; ++cell) {
    if ((write.value & (kHslv << cell)) != 0 && !low[cell]) {
      registers_.violate(
          "a high-speed-at-low-voltage bit set for pins on a rail above 2.7 V: it destroys them");
      return;
    }
    if ((write.value & ~write.old & (1u << (2 * cell))) != 0) {
      cell_ready_[cell] = chip_.now() + kCellTime;
    }
  }
  registers_.set(kCccsr, write.value);
}

}  // namespace gangd::emu
