#include "tests/emu/parts/psram.h"

#include <fmt/format.h>

#include <cstring>

namespace gangd::emu {
namespace {

// Commands and mode registers: the maker's, as ST's component headers name them.
constexpr unsigned kRead = 0x00, kReadLinear = 0x20, kWrite = 0x80, kWriteLinear = 0xa0,
                   kReadRegister = 0x40, kWriteRegister = 0xc0, kReset = 0xff;
constexpr Time kPowerUp = std::chrono::microseconds(150), kResetTime = std::chrono::microseconds(2);
constexpr std::uint32_t kClockMax = 200'000'000;
// MR1: its maker. MR2: its size, and that it is good.
constexpr std::array<std::uint8_t, 9> kDefaults = {0x09, 0x8d, 0xc3, 0, 0x40, 0, 0, 0, 0x05};

unsigned latency_of(unsigned code, const std::array<unsigned, 8>& latencies) {
  return latencies[code & 7];
}

}  // namespace

Psram::Psram(std::uint32_t size) : size_(size), bytes_(new std::uint8_t[size]) {}

void Psram::power_on(Time world) {
  powered_ = true;
  mode_ = kDefaults;
  std::memset(bytes_.get(), 0x5a, size_);
  ready_at_ = world + kPowerUp;
}

void Psram::complain(std::string sentence) {
  if (complaint_.empty()) complaint_ = std::move(sentence);
}

// MR0, bits 2 to 4; MR4, bits 5 to 7.
unsigned Psram::read_latency() const {
  return latency_of(mode_[0] >> 2, {3, 4, 5, 6, 7, 8, 9, 10});
}
unsigned Psram::write_latency() const {
  return latency_of(mode_[4] >> 5, {3, 7, 5, 9, 4, 8, 6, 10});
}

Time Psram::run(const xspi_command& command, Time world, std::uint32_t clock_hz) {
  if (command.read != nullptr) std::memset(command.read, 0xff, command.size);
  const unsigned lanes = std::max<unsigned>(command.data_phase.lanes, 1);
  const double clocks = 3 + command.dummy_cycles + command.size * 8.0 / lanes / 2;
  const Time taken(static_cast<Time::rep>(clocks * 1e9 / clock_hz) + 1);
  if (!powered_) return taken;
  if (world < ready_at_) {
    complain("a command before the PSRAM was ready");
    return taken;
  }
  execute(command, clock_hz);
  if (command.instruction == kReset) {
    mode_ = kDefaults;
    ready_at_ = world + taken + kResetTime;
  }
  return taken;
}

void Psram::execute(const xspi_command& command, std::uint32_t clock_hz) {
  const bool eight = command.instruction_phase.lanes == 8 && command.address_phase.lanes == 8 &&
                     command.address_phase.ddr && command.address_size == 4;
  if (!eight) return complain("a command on other than eight lanes with an address on both edges");
  if (clock_hz > kClockMax) return complain(fmt::format("a clock of {} Hz", clock_hz));
  switch (command.instruction) {
    case kRead:
    case kReadLinear:
      return access(command, true);
    case kWrite:
    case kWriteLinear:
      return access(command, false);
    case kReadRegister:
      return access_register(command, true);
    case kWriteRegister:
      return access_register(command, false);
    case kReset:
      return;
    default:
      return complain(fmt::format("command {:02X}h, which it does not know", command.instruction));
  }
}

// The controller counts one clock less: the first belongs to the address.
bool Psram::latency_fits(const xspi_command& command, unsigned latency) {
  if (command.dummy_cycles + 1u == latency) return true;
  complain(fmt::format("{} dummy cycles where its latency is {}", command.dummy_cycles, latency));
  return false;
}

void Psram::access(const xspi_command& command, bool reads) {
  const unsigned lanes = (mode_[8] & 0x40) != 0 ? 16 : 8;
  if (!latency_fits(command, reads ? read_latency() : write_latency())) return;
  if (command.data_phase.lanes != lanes || !command.data_phase.ddr) {
    return complain(fmt::format("data on {} lanes where MR8 says {} and both edges",
                                command.data_phase.lanes, lanes));
  }
  if (command.address >= size_ || command.size > size_ - command.address) {
    return complain("an address beyond the last byte");
  }
  std::uint8_t* const at = bytes_.get() + command.address;
  if (reads && command.read != nullptr) std::memcpy(command.read, at, command.size);
  if (!reads && command.write != nullptr) std::memcpy(at, command.write, command.size);
}

void Psram::access_register(const xspi_command& command, bool reads) {
  if (command.address >= mode_.size()) return complain("a mode register that it does not have");
  if (command.data_phase.lanes != 8 || !command.data_phase.ddr) {
    return complain("a mode register on other than eight lanes and both edges");
  }
  if (!latency_fits(command, reads ? read_latency() : 1)) return;
  std::uint8_t& value = mode_[command.address];
  for (std::uint32_t i = 0; reads && i < command.size; ++i) {
    command.read[i] = i % 2 == 0 ? value : 0;
  }
  if (!reads && command.write != nullptr) value = command.write[0];
}

}  // namespace gangd::emu
