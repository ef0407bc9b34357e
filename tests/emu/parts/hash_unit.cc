#include "tests/emu/parts/hash_unit.h"

#include <fmt/format.h>

#include "base/sha256.h"

namespace gangd::emu {
namespace {

constexpr unsigned kInterrupt = 36;
constexpr std::uint32_t kCr = 0x00, kDin = 0x04, kStr = 0x08, kHra = 0x0c, kImr = 0x20, kSr = 0x24,
                        kHr = 0x310;
constexpr std::uint32_t kInit = 1u << 2, kDmae = 1u << 3, kMode = 1u << 6;  // CR
constexpr std::uint32_t kNblw = 0x1f, kDcal = 1u << 8;                      // STR
constexpr std::uint32_t kDinis = 1u << 0, kDcis = 1u << 1, kBusy = 1u << 3, kDinne = 1u << 15;
constexpr std::uint32_t kSha256 = 3;
constexpr unsigned kBlock = 64;

// Offsets, bits and reset values: CMSIS header and SVD of the device.
constexpr RegisterRule kRules[] = {
    {.offset = kCr, .name = "CR", .writable = 0x001f207c, .read_only = 0x1f00},
    {.offset = kDin, .name = "DIN", .writable = ~0u, .sizes = kWords},
    {.offset = kStr, .name = "STR", .writable = kNblw | kDcal},
    {.offset = kHra, .name = "HRA0", .read_only = ~0u},
    {.offset = 0x10, .name = "HRA1", .read_only = ~0u},
    {.offset = 0x14, .name = "HRA2", .read_only = ~0u},
    {.offset = 0x18, .name = "HRA3", .read_only = ~0u},
    {.offset = 0x1c, .name = "HRA4", .read_only = ~0u},
    {.offset = kImr, .name = "IMR", .writable = 3},
    {.offset = kSr, .name = "SR", .reset = 0x110001, .writable = 3, .read_only = 0x1fbe0c},
    {.offset = kHr, .name = "HR0", .read_only = ~0u},
    {.offset = 0x314, .name = "HR1", .read_only = ~0u},
    {.offset = 0x318, .name = "HR2", .read_only = ~0u},
    {.offset = 0x31c, .name = "HR3", .read_only = ~0u},
    {.offset = 0x320, .name = "HR4", .read_only = ~0u},
    {.offset = 0x324, .name = "HR5", .read_only = ~0u},
    {.offset = 0x328, .name = "HR6", .read_only = ~0u},
    {.offset = 0x32c, .name = "HR7", .read_only = ~0u},
};

// Of the order of 66 clocks at 200 MHz.
constexpr Time kBlockTime(330);

bool is_digest(std::uint32_t offset) {
  return (offset >= kHra && offset < kImr) || offset >= kHr;
}

}  // namespace

HashUnit::HashUnit(Chip& chip) : chip_(chip), registers_(chip, "HASH", kRules) {}

void HashUnit::reset(bool /*cold*/) {
  registers_.reset();
  message_.clear();
  begun_ = computes_ = false;
  chip_.set_interrupt(kInterrupt, false);
}

void HashUnit::keep_up() {
  if (computes_ && chip_.now() >= ready_at_) {
    computes_ = false;
    registers_.change(kSr, kDcis | kDinis, true);
  }
  registers_.change(kSr, kBusy, chip_.now() < ready_at_);
}

void HashUnit::show_interrupt() {
  chip_.set_interrupt(kInterrupt, (registers_.get(kSr) & registers_.get(kImr) & 3) != 0);
}

void HashUnit::advance() {
  keep_up();
  show_interrupt();
}

std::uint32_t HashUnit::read(std::uint32_t offset, unsigned size) {
  keep_up();
  if (is_digest(offset) && !registers_.has(kSr, kDcis)) {
    registers_.violate("a digest read before DCIS says that it is there");
  }
  return registers_.read(offset, size);
}

void HashUnit::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  keep_up();
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  switch (write->offset) {
    case kCr:
      registers_.set(kCr, write->value & ~kInit);
      if ((write->value & kDmae) != 0) registers_.violate("its DMA requests are not modelled");
      if ((write->value & kInit) != 0) begin(write->value);
      break;
    case kDin:
      push(write->value);
      break;
    case kStr:
      write_start(*write);
      break;
    case kSr:  // only zeros have an effect
      registers_.set(kSr, write->old & (write->value | ~3u));
      break;
    default:
      registers_.set(write->offset, write->value);
      break;
  }
  show_interrupt();
}

void HashUnit::begin(std::uint32_t control) {
  const std::uint32_t algorithm = control >> 17 & 15;
  const std::uint32_t type = control >> 4 & 3;
  if (algorithm != kSha256 || (control & kMode) != 0 || (type != 0 && type != 2)) {
    registers_.violate(
        fmt::format("only SHA-256 of words or bytes is modelled, not {:08X}h in CR", control));
    return;
  }
  begun_ = true;
  swaps_ = type == 2;
  message_.clear();
  registers_.set(kSr, 0x110001);
}

void HashUnit::push(std::uint32_t word) {
  if (computes_) return registers_.violate("DIN written while the digest is computed");
  if (!begun_) return registers_.violate("DIN written before INIT");
  for (unsigned i = 0; i < 4; ++i) {
    message_.push_back(static_cast<std::uint8_t>(word >> (swaps_ ? 8 * i : 24 - 8 * i)));
  }
  registers_.change(kSr, kDinne, true);
  if (message_.size() % kBlock == 0) ready_at_ = chip_.now() + kBlockTime;
}

void HashUnit::write_start(const RegisterFile::Write& write) {
  const bool changes = ((write.value ^ write.old) & kNblw) != 0;
  if ((write.value & kDcal) == 0) return registers_.set(kStr, write.value);
  if (changes) return registers_.violate("NBLW changed together with DCAL: it stays as it was");
  if (!begun_) return registers_.violate("DCAL before INIT");
  finish();
}

void HashUnit::finish() {
  const std::uint32_t bits = registers_.get(kStr) & kNblw;
  if (bits % 8 != 0 || (bits != 0 && message_.empty())) {
    return registers_.violate("NBLW does not fit what was written to DIN");
  }
  if (bits != 0) message_.resize(message_.size() - (4 - bits / 8));
  const auto digest = sha256(message_).bytes;
  for (std::uint32_t i = 0; i < 8; ++i) {
    std::uint32_t word = 0;
    for (std::uint32_t j = 0; j < 4; ++j) word = word << 8 | digest[4 * i + j];
    registers_.set(kHr + 4 * i, word);
    if (i < 5) registers_.set(kHra + 4 * i, word);
  }
  begun_ = false;
  computes_ = true;
  registers_.change(kSr, kDinne, false);
  ready_at_ = chip_.now() + 2 * kBlockTime;
  chip_.wake_at(ready_at_);
}

}  // namespace gangd::emu
