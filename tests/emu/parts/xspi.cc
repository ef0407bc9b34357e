#include "tests/emu/parts/xspi.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/emu/parts/xspi_registers.h"

namespace gangd::emu {

using namespace xspi;

namespace {

constexpr unsigned kInterrupts[] = {0, 105, 106};
// Of the delay lines, after the prescaler was written.
constexpr Time kCalibration = std::chrono::microseconds(2);

}  // namespace

Xspi::Xspi(Chip& chip, Outside& outside, Rcc& rcc, Xspim& manager, unsigned instance)
    : chip_(chip),
      outside_(outside),
      rcc_(rcc),
      manager_(manager),
      instance_(instance),
      registers_(chip, fmt::format("XSPI{}", instance), kRules) {}

bool Xspi::is_on() const {
  return registers_.has(kCr, kEn);
}

Xspi::Mode Xspi::mode() const {
  return static_cast<Mode>(registers_.get(kCr) >> 28 & 3);
}

std::uint32_t Xspi::clock_hz() const {
  return rcc_.xspi_hz(instance_) / ((registers_.get(kDcr2) & 0xff) + 1);
}

void Xspi::reset(bool /*cold*/) {
  close();
  registers_.reset();
  bytes_.clear();
  taken_ = 0;
  writes_ = polls_ = is_jammed_ = false;
  told_ = true;
  ends_ = Time{};
  chip_.set_interrupt(kInterrupts[instance_], false);
}

// --- status

void Xspi::keep_up() {
  const Time now = chip_.now();
  if (!told_ && now >= ends_) {
    told_ = true;
    registers_.change(kSr, kTcf, true);
  }
  const bool reads = !writes_ && mode() == Mode::kRead;
  const std::uint32_t threshold = (registers_.get(kCr) >> 8 & 0x3f) + 1;
  const std::uint32_t in_fifo = level();
  bool ready = false;
  if (mode() == Mode::kWrite) ready = kFifoSize - in_fifo >= threshold;
  if (reads) ready = in_fifo >= threshold || (told_ && in_fifo > 0);
  const bool unread = reads && in_fifo > 0;
  const bool busy =
      now < ends_ || polls_ || is_jammed_ || prefetches_ || unread || (writes_ && !told_);
  const std::uint32_t changes = kFtf | kBusy | 0x7f00;
  registers_.set(kSr, (registers_.get(kSr) & ~changes) | (ready ? kFtf : 0) | (busy ? kBusy : 0) |
                          in_fifo << 8);
}

// Each flag has its enable 16 bits higher in CR.
void Xspi::show_interrupt() {
  keep_up();
  const std::uint32_t enabled = registers_.get(kCr) >> 16 & 0x1f;
  chip_.set_interrupt(kInterrupts[instance_], (registers_.get(kSr) & enabled) != 0);
  if (enabled == 0 || told_) return;
  const Time next = (registers_.get(kSr) & kFtf) != 0 ? ends_ : std::min(ends_, data_begins_);
  if (next > chip_.now()) chip_.wake_at(next);
}

void Xspi::advance() {
  if (polls_ && chip_.now() >= next_poll_) poll();
  show_interrupt();
}

// --- registers

std::uint32_t Xspi::read(std::uint32_t offset, unsigned size) {
  keep_up();
  const std::uint32_t value = registers_.read(offset, size);
  if (offset != kDr) return value;
  const std::uint32_t data = read_data(size);
  show_interrupt();
  return data;
}

// While it is busy, what a command is made of stays as it is.
bool Xspi::may_change(const RegisterFile::Write& write) {
  if (!registers_.has(kSr, kBusy)) return true;
  if (write.offset == kFcr || write.offset == kDr) return true;
  const std::uint32_t changed = write.value ^ write.old;
  if (write.offset == kCr) {
    const bool ends = (write.written & kAbort) != 0 || (changed & kEn) != 0;
    if (ends || (changed & kQuiet) == 0) return true;
  }
  registers_.violate(fmt::format("{} written while it is busy", registers_.name(write.offset)));
  return false;
}

void Xspi::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  keep_up();
  const auto write = registers_.write(offset, size, value);
  if (!write || !may_change(*write)) return;
  switch (write->offset) {
    case kCr:
      write_control(*write);
      break;
    case kFcr:
      registers_.set(kSr, registers_.get(kSr) & ~write->value);
      break;
    case kDr:
      write_data(size, value);
      break;
    case kIr:
      registers_.set(kIr, write->value);
      if (!needs_address()) trigger();
      break;
    case kAr:
      registers_.set(kAr, write->value);
      trigger();
      break;
    case kDcr2:
      registers_.set(kDcr2, write->value);
      ends_ = chip_.now() + kCalibration;
      break;
    default:
      registers_.set(write->offset, write->value);
      break;
  }
  show_interrupt();
}

void Xspi::write_control(const RegisterFile::Write& write) {
  const bool was_on = (write.old & kEn) != 0;
  const bool is_off = (write.value & kEn) == 0;
  if ((write.written & kAbort) != 0 || (was_on && is_off)) abort();
  registers_.set(kCr, write.value & ~kAbort);
  if ((write.value & kDmaen) != 0) registers_.violate("its DMA requests are not modelled");
  follow_mode();
}

void Xspi::abort() {
  keep_up();
  if (registers_.has(kSr, kBusy)) registers_.change(kSr, kTcf, true);
  bytes_.clear();
  taken_ = 0;
  writes_ = polls_ = prefetches_ = false;
  told_ = true;
  ends_ = chip_.now();
}

void Xspi::follow_mode() {
  const bool wants = is_on() && mode() == Mode::kMapped;
  if (wants && !is_open_) open();
  if (!wants && is_open_) close();
}

// --- the window

void Xspi::open() {
  constexpr std::uint64_t kMost = 256u << 20;
  const unsigned bits = (registers_.get(kDcr1) >> 16 & 0x1f) + 1;
  const SerialMemory* memory = manager_.memory(instance_, registers_.get(kCr) / kCssel & 1);
  if (memory == nullptr) return registers_.violate("memory-mapped, and there is no memory");
  is_open_ = true;
  const auto size = static_cast<std::uint32_t>(std::min(std::uint64_t{1} << bits, kMost));
  chip_.open_window(window_address(), std::max(size, 4096u), *this, memory->is_ram());
}

void Xspi::close() {
  if (is_open_) chip_.close_window(window_address());
  is_open_ = prefetches_ = false;
}

void Xspi::forget_pages(const SerialMemory* memory) {
  if (!is_open_ || manager_.memory(instance_, registers_.get(kCr) / kCssel & 1) != memory) return;
  chip_.close_window(window_address());
  open();
}

bool Xspi::fill(std::uint32_t offset, std::span<std::uint8_t> page) {
  prefetches_ = true;
  xspi_command read = command(Set::kCommon, offset, static_cast<std::uint32_t>(page.size()));
  read.read = page.data();
  if (!send(Set::kCommon, read)) return false;
  swap_pairs(read, page);
  return true;
}

void Xspi::store(std::uint32_t offset, std::span<const std::uint8_t> bytes) {
  prefetches_ = true;
  xspi_command write = command(Set::kWindowWrite, offset, static_cast<std::uint32_t>(bytes.size()));
  write.write = bytes.data();
  send(Set::kWindowWrite, write);
}

// --- data

std::uint32_t Xspi::read_data(unsigned size) {
  std::uint32_t value = 0;
  if (mode() == Mode::kPoll) return registers_.get(kDr);
  if (mode() != Mode::kRead || bytes_.size() - taken_ < size) {
    registers_.violate(fmt::format("a read of {} bytes of DR, where {} are left", size,
                                   mode() == Mode::kRead ? bytes_.size() - taken_ : 0));
    return 0;
  }
  for (unsigned i = 0; i < size; ++i) value |= std::uint32_t(bytes_[taken_++]) << (8 * i);
  return value;
}

void Xspi::write_data(unsigned size, std::uint32_t value) {
  if (mode() != Mode::kWrite || !needs_data() || !is_on()) {
    registers_.violate("a write of DR in no indirect write");
    return;
  }
  if (!writes_ || told_) {
    bytes_.clear();
    taken_ = 0;
    writes_ = true;
    told_ = false;
    ends_ = data_begins_ = chip_.now();
  }
  if (bytes_.size() + size > data_length()) {
    registers_.violate(fmt::format("more written to DR than the {} bytes of DLR", data_length()));
    return;
  }
  for (unsigned i = 0; i < size; ++i) bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  // The bus waits for the rest.
  ends_ = Time::max();
  if (bytes_.size() == data_length()) finish_write();
}

}  // namespace gangd::emu
