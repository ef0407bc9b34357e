#include <fmt/format.h>

#include <algorithm>

#include "tests/emu/parts/xspi.h"
#include "tests/emu/parts/xspi_registers.h"

namespace gangd::emu {

using namespace xspi;

namespace {

constexpr unsigned kMacronix = 1;  // MTYP

// IMODE, ADMODE, ABMODE, DMODE.
std::uint8_t lanes(std::uint32_t mode) {
  constexpr std::uint8_t kLanes[] = {0, 1, 2, 4, 8, 16, 0, 0};
  return kLanes[mode & 7];
}

xspi_phase phase(std::uint32_t field) {
  return {.lanes = lanes(field), .ddr = (field & 8) != 0};
}

}  // namespace

bool Xspi::needs_address() const {
  return (registers_.get(kCcr) >> 8 & 7) != 0;
}
bool Xspi::needs_data() const {
  return (registers_.get(kCcr) >> 24 & 7) != 0;
}
std::uint32_t Xspi::data_length() const {
  return needs_data() ? registers_.get(kDlr) + 1 : 0;
}

bool Xspi::address_is_valid(std::uint32_t address, std::uint32_t size) const {
  const unsigned bits = (registers_.get(kDcr1) >> 16 & 0x1f) + 1;
  return std::uint64_t(address) + size <= std::uint64_t{1} << bits;
}

// The alternate bytes are cycles in which the memory is told something that it does not need.
xspi_command Xspi::command(Set set, std::uint32_t address, std::uint32_t size) const {
  const std::uint32_t behind = set == Set::kWindowWrite ? kWindowWrite : 0;
  const std::uint32_t ccr = registers_.get(kCcr + behind);
  xspi_command made{};
  made.instruction_phase = phase(ccr);
  made.address_phase = phase(ccr >> 8);
  made.data_phase = phase(ccr >> 24);
  made.instruction = static_cast<std::uint16_t>(registers_.get(kIr + behind));
  made.instruction_size = static_cast<std::uint8_t>((ccr >> 4 & 3) + 1);
  made.address_size = static_cast<std::uint8_t>((ccr >> 12 & 3) + 1);
  made.dummy_cycles = static_cast<std::uint8_t>(registers_.get(kTcr + behind) & 0x1f);
  const xspi_phase alternate = phase(ccr >> 16);
  if (alternate.lanes != 0) {
    const unsigned alternate_bits = ((ccr >> 20 & 3) + 1) * 8;
    const unsigned edges = alternate.ddr ? 2 : 1;
    made.dummy_cycles =
        static_cast<std::uint8_t>(made.dummy_cycles + alternate_bits / alternate.lanes / edges);
  }
  made.address = address;
  made.size = size;
  return made;
}

bool Xspi::pins_are_there(const xspi_command& command, bool strobe) {
  const unsigned most = std::max(
      {command.instruction_phase.lanes, command.address_phase.lanes, command.data_phase.lanes});
  const bool pair = registers_.has(kCr, kDmm);
  const std::string why = manager_.missing(instance_, pair ? 8 : most, strobe);
  if (!why.empty()) registers_.violate("a command, but " + why);
  return why.empty();
}

std::optional<Time> Xspi::send(Set set, xspi_command command) {
  const std::uint32_t behind = set == Set::kWindowWrite ? kWindowWrite : 0;
  const bool strobe = (registers_.get(kCcr + behind) & kDqse) != 0;
  const auto refuse = [this](std::string_view why) {
    registers_.violate(why);
    return std::nullopt;
  };
  if (!is_on()) return refuse("a command while it is off (EN in CR)");
  if (outside_.flash_jams > 0 && set == Set::kCommon && mode() != Mode::kMapped && instance_ == 2) {
    --outside_.flash_jams;
    is_jammed_ = true;
  }
  if (clock_hz() == 0) return refuse("a command without its kernel clock");
  if (!pins_are_there(command, strobe)) return std::nullopt;
  SerialMemory* memory = manager_.memory(instance_, registers_.get(kCr) / kCssel & 1);
  if (memory == nullptr) {
    if (command.read != nullptr) std::fill_n(command.read, command.size, std::uint8_t{0xff});
    return std::chrono::microseconds(1);
  }
  if (memory->is_pair() != registers_.has(kCr, kDmm)) {
    return refuse(memory->is_pair() ? "one command to two chips without DMM in CR"
                                    : "DMM in CR, but there is one chip");
  }
  if (strobe && command.read != nullptr && !memory->strobes(command.data_phase)) {
    return refuse("DQSE in CCR for data with which the memory drives no strobe");
  }
  if (strobe && command.write != nullptr && !memory->is_ram()) {
    return refuse("DQSE in CCR for data to a flash: both would drive the strobe");
  }
  if (set == Set::kWindowWrite && !strobe) {
    return refuse("a write to the window without DQSE in WCCR, which goes wrong (ES0596 2.4.1)");
  }
  const bool is_wide = command.data_phase.ddr && command.data_phase.lanes == 16;
  if (is_wide && (registers_.get(kDcr3) & kCsbound) != 0) {
    return refuse("CSBOUND in DCR3 for 16 lanes on both edges: a deadlock (ES0596 2.4.5)");
  }
  if (command.data_phase.ddr && (registers_.get(kTcr) & kSshift) != 0) {
    return refuse("SSHIFT in TCR for data on both edges");
  }
  std::vector<std::uint8_t> swapped;
  if (command.write != nullptr) {
    swapped.assign(command.write, command.write + command.size);
    swap_pairs(command, swapped);
    command.write = swapped.data();
  }
  const Time taken = memory->run(command, world(), clock_hz());
  const std::string complaint = memory->complaint();
  if (!complaint.empty()) {
    return refuse(fmt::format("instruction {:X}h, address {:X}h: {}", command.instruction,
                              command.address, complaint));
  }
  if (on_command && mode() != Mode::kMapped) on_command(memory);
  return taken;
}

// The bytes of each word change places, in the mode for memories that send them so.
void Xspi::swap_pairs(const xspi_command& command, std::span<std::uint8_t> bytes) const {
  const bool swaps = (registers_.get(kDcr1) >> 24 & 7) == kMacronix;
  if (!swaps || command.data_phase.lanes != 8 || !command.data_phase.ddr) return;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) std::swap(bytes[i], bytes[i + 1]);
}

// --- commands

// The last of what a command needs has been written: instruction, address. With data to be sent
// the first of them starts it.
void Xspi::trigger() {
  switch (mode()) {
    case Mode::kWrite:
      if (!needs_data()) run_plain();
      return;
    case Mode::kRead:
      start_read();
      return;
    case Mode::kPoll:
      polls_ = true;
      poll();
      return;
    case Mode::kMapped:
      return;
  }
}

void Xspi::run_plain() {
  const auto taken = send(Set::kCommon, command(Set::kCommon, registers_.get(kAr), 0));
  if (!taken) return;
  writes_ = false;
  bytes_.clear();
  taken_ = 0;
  told_ = false;
  data_begins_ = ends_ = chip_.now() + *taken;
}

// Register addresses of flash are beyond its size, so a driver says that it is larger.
void Xspi::start_read() {
  const std::uint32_t size = data_length();
  const std::uint32_t address = needs_address() ? registers_.get(kAr) : 0;
  if (size == 0 || size > 256u << 20) {
    registers_.violate("an indirect read of no data, or without an end");
    return;
  }
  if (needs_address() && !address_is_valid(address, size)) {
    registers_.change(kSr, kTef, true);
    return;
  }
  bytes_.assign(size, 0);
  xspi_command read = command(Set::kCommon, address, size);
  read.read = bytes_.data();
  const auto taken = send(Set::kCommon, read);
  if (!taken) return bytes_.clear();
  swap_pairs(read, bytes_);
  writes_ = false;
  taken_ = 0;
  told_ = false;
  const double per_second = double(clock_hz()) * read.data_phase.lanes *
                            (read.data_phase.ddr ? 2 : 1) * (registers_.has(kCr, kDmm) ? 2 : 1) / 8;
  byte_time_ = Time(static_cast<Time::rep>(1e9 / per_second) + 1);
  ends_ = chip_.now() + *taken;
  data_begins_ = std::max(chip_.now(), ends_ - size * byte_time_);
}

void Xspi::finish_write() {
  const std::uint32_t address = needs_address() ? registers_.get(kAr) : 0;
  const auto size = static_cast<std::uint32_t>(bytes_.size());
  if (needs_address() && !address_is_valid(address, size)) {
    registers_.change(kSr, kTef, true);
    told_ = true;
    ends_ = chip_.now();
    return;
  }
  xspi_command write = command(Set::kCommon, address, size);
  write.write = bytes_.data();
  const auto taken = send(Set::kCommon, write);
  ends_ = chip_.now() + taken.value_or(Time{});
}

void Xspi::poll() {
  const std::uint32_t size = data_length();
  if (size == 0 || size > 4) {
    polls_ = false;
    registers_.violate("automatic polling of other than 1 to 4 bytes");
    return;
  }
  std::array<std::uint8_t, 4> status{};
  xspi_command read = command(Set::kCommon, needs_address() ? registers_.get(kAr) : 0, size);
  read.read = status.data();
  const auto taken = send(Set::kCommon, read);
  if (!taken) {
    polls_ = false;
    return;
  }
  std::uint32_t value = 0;
  for (std::uint32_t i = 0; i < size; ++i) value |= std::uint32_t(status[i]) << (8 * i);
  registers_.set(kDr, value);
  const std::uint32_t mask = registers_.get(kPsmkr);
  const std::uint32_t differs = (value ^ registers_.get(kPsmar)) & mask;
  const bool any = registers_.has(kCr, kPmm);
  const bool matches = any ? differs != mask : differs == 0;
  if (matches) registers_.change(kSr, kSmf, true);
  if (matches && registers_.has(kCr, kApms)) {
    polls_ = false;
    ends_ = chip_.now() + *taken;
    return;
  }
  const auto interval = static_cast<double>(registers_.get(kPir)) * 1e9 / clock_hz();
  next_poll_ = chip_.now() + *taken + std::max(Time(200), Time(static_cast<Time::rep>(interval)));
  chip_.wake_at(next_poll_);
}

// --- the FIFO

// Received so far; the bus waits while the FIFO is full.
std::uint32_t Xspi::available() const {
  const auto all = static_cast<std::uint32_t>(bytes_.size());
  if (chip_.now() >= ends_) return all;
  if (chip_.now() <= data_begins_ || byte_time_.count() == 0) return 0;
  const auto come = (chip_.now() - data_begins_) / byte_time_;
  return static_cast<std::uint32_t>(std::min<Time::rep>(come, all));
}

std::uint32_t Xspi::level() const {
  if (writes_) return 0;  // the bus is faster than the CPU
  if (mode() != Mode::kRead) return 0;
  const std::uint32_t come = std::max(available(), taken_);
  return std::min(come - taken_, kFifoSize);
}

}  // namespace gangd::emu
