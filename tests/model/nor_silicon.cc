#include "tests/model/nor_silicon.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gangd::model {
namespace {

constexpr std::uint8_t kWip = 0x01;
constexpr std::uint8_t kWel = 0x02;
// The security register, as the Macronix data sheets have it.
constexpr std::uint8_t kProgramSuspended = 0x04;
constexpr std::uint8_t kEraseSuspended = 0x08;
constexpr std::uint8_t kHighPerformance = 0x02;  // MX25R, second configuration register

// Micron's flag status register.
constexpr std::uint8_t kFourByteFlag = 0x01;
constexpr std::uint8_t kProtectionFlag = 0x02;
constexpr std::uint8_t kProgramSuspendedFlag = 0x04;
constexpr std::uint8_t kEraseSuspendedFlag = 0x40;
constexpr std::uint8_t kReadyFlag = 0x80;

// CR2 of the octal parts.
constexpr std::uint32_t kCr2Mode = 0x000;
constexpr std::uint32_t kCr2Dummies = 0x300;
constexpr std::uint8_t kDummiesMost = 20;

// Between two commands the chip select must be high for a while; tSHSL of these parts is below.
constexpr Time kDeselect{50};

Time bus_time(const xspi_command& signals, std::uint32_t clock_hz) {
  const auto half_clocks = [](const xspi_phase& phase, std::uint64_t bytes) -> std::uint64_t {
    if (phase.lanes == XSPI_NONE) return 0;
    return bytes * 8 / phase.lanes * (phase.ddr ? 1 : 2);
  };
  const std::uint64_t half = half_clocks(signals.instruction_phase, signals.instruction_size) +
                             half_clocks(signals.address_phase, signals.address_size) +
                             signals.dummy_cycles * 2u +
                             half_clocks(signals.data_phase, signals.size);
  return kDeselect + Time(half * 500'000'000 / std::max(clock_hz, 1u));
}

}  // namespace

NorChip::Silicon::Silicon(const Part& part, std::uint64_t seed,
                          std::vector<std::string>& complaints)
    : cells(sim::Prng(seed).fork()),
      part_(part),
      complaints_(complaints),
      prng_(sim::Prng(seed + 1).fork()) {}

void NorChip::Silicon::forget_volatile() {
  state_ = {};
  state_.mode = power_up_mode;
  continuous_read = false;
  write_enabled_ = reset_enabled_ = powered_down_ = false;
  program_failed_ = erase_failed_ = protection_failed_ = false;
  configuration2_ = 0;
}

void NorChip::Silicon::power_on(Time now) {
  if (powered) return;
  powered = true;
  cut = false;
  cells.powered_on();
  forget_volatile();
  ready_at_ = now + part_.power_up;
}

void NorChip::Silicon::power_off(Time now) {
  settle(now);
  abort(now);
  powered = false;
}

void NorChip::Silicon::protect(bool all) {
  status_ = static_cast<std::uint8_t>(all ? status_ | part_.protection_bits
                                          : status_ & ~unsigned{part_.protection_bits});
}

void NorChip::Silicon::order(std::uint64_t operations_from_now, Fate fate) {
  fates_[operations + operations_from_now] = fate;
}

bool NorChip::Silicon::low_power() const {
  return part_.has_low_power && (configuration2_ & kHighPerformance) == 0;
}

std::uint8_t NorChip::Silicon::status() const {
  return static_cast<std::uint8_t>(status_ | (write_enabled_ ? kWel : 0) | (running_ ? kWip : 0));
}

std::uint8_t NorChip::Silicon::flag_status() const {
  unsigned bits = running_ ? 0 : kReadyFlag;
  if (state_.four_byte) bits |= kFourByteFlag;
  if (program_failed_) bits |= part_.program_fail_bit;
  if (erase_failed_) bits |= part_.erase_fail_bit;
  if (protection_failed_) bits |= kProtectionFlag;
  if (suspended_) {
    bits |=
        suspended_->kind == Operation::Kind::kErase ? kEraseSuspendedFlag : kProgramSuspendedFlag;
  }
  return static_cast<std::uint8_t>(bits);
}

std::uint8_t NorChip::Silicon::security() const {
  unsigned bits = 0;
  if (program_failed_) bits |= part_.program_fail_bit;
  if (erase_failed_) bits |= part_.erase_fail_bit;
  if (suspended_) {
    bits |= suspended_->kind == Operation::Kind::kErase ? kEraseSuspended : kProgramSuspended;
  }
  return static_cast<std::uint8_t>(bits);
}

// While the chip is not ready, a driver can only ask until it is; one that has just been started
// does not know that it is busy.
bool NorChip::Silicon::may_come_early(const Decoded& decoded) const {
  if (!decoded.understood) return decoded.complaint.empty();
  switch (decoded.command.action) {
    case Action::kReadId:
    case Action::kReadStatus:
    case Action::kRelease:
    case Action::kLeaveContinuous:
    case Action::kResetEnable:
    case Action::kReset:
      return true;
    default:
      return false;
  }
}

Time NorChip::Silicon::run(const xspi_command& signals, Time now, std::uint32_t clock_hz) {
  const Time taken = bus_time(signals, clock_hz);
  if (signals.read != nullptr) std::fill_n(signals.read, signals.size, std::uint8_t{0xff});
  if (!powered) return taken;
  settle(now);
  const Decoded decoded = decode(part_, state_, signals);
  if (continuous_read) {
    mistake_for_address(decoded, signals);
    return taken;
  }
  if (now < ready_at_) {
    if (!may_come_early(decoded)) complain("a command came before the chip was ready");
    return taken;
  }
  if (!decoded.understood) {
    if (!decoded.complaint.empty()) complain(decoded.complaint);
    reset_enabled_ = false;
    return taken;
  }
  if (may_run(decoded.command, clock_hz)) execute(decoded.command, signals, now + taken);
  if (signals.read != nullptr && clock_hz > clean_hz) {
    for (std::uint32_t i = 0; i < signals.size; i += 16) signals.read[i] ^= 0x10;
  }
  return taken;
}

// The array answers, from somewhere.
void NorChip::Silicon::mistake_for_address(const Decoded& decoded, const xspi_command& signals) {
  if (decoded.understood && decoded.command.action == Action::kLeaveContinuous) {
    continuous_read = false;
    return;
  }
  if (!may_come_early(decoded)) complain("a command in a continuous read");
  if (signals.read != nullptr) {
    read_array(static_cast<std::uint32_t>(prng_.below(part_.size)), signals);
  }
}

bool NorChip::Silicon::may_run_while_busy(const NorCommand& command) const {
  switch (command.action) {
    case Action::kReadStatus:
    case Action::kReadSecurity:
    case Action::kReadFlagStatus:
    case Action::kReadStatus2:
    case Action::kSuspend:
    case Action::kResetEnable:
    case Action::kReset:
      return true;
    case Action::kRead: {
      if (running_->kind == Operation::Kind::kRegister || part_.banks == 1) return false;
      const std::uint32_t bank = part_.size / part_.banks;
      return running_->size != part_.size && command.address / bank != running_->address / bank;
    }
    default:
      return false;
  }
}

bool NorChip::Silicon::may_run(const NorCommand& command, std::uint32_t clock_hz) {
  if (powered_down_) {
    if (command.action == Action::kRelease) return true;
    if (!may_come_early({.understood = true, .command = command, .complaint = {}})) {
      complain("a command other than release in deep power down");
    }
    return false;
  }
  const bool array = command.action == Action::kRead || command.action == Action::kProgram ||
                     command.action == Action::kErase;
  if (array && command.address >= part_.size) complain("an address beyond the last byte");
  std::uint32_t clock_max_hz = command.clock_max_hz;
  if (low_power()) {
    clock_max_hz = std::min(clock_max_hz,
                            command.quad ? part_.clock.low_power_quad : part_.clock.low_power_spi);
  }
  if (clock_hz > clock_max_hz) {
    complain(fmt::format("a clock of {} Hz where {} are allowed", clock_hz, clock_max_hz));
    return false;
  }
  if (running_ && !may_run_while_busy(command)) {
    if (!may_come_early({.understood = true, .command = command, .complaint = {}})) {
      complain("a command other than a status read while busy");
    }
    return false;
  }
  const unsigned quad_register = part_.maker == Part::Maker::kWinbond ? status2_ : status_;
  if (command.quad && part_.quad_enable_bit != 0 && (quad_register & part_.quad_enable_bit) == 0) {
    complain("a quad command without the quad-enable bit");
    return false;
  }
  return true;
}

void NorChip::Silicon::execute(const NorCommand& command, const xspi_command& signals, Time now) {
  const bool reset_was_enabled = std::exchange(reset_enabled_, false);
  switch (command.action) {
    case Action::kReset:
      if (reset_was_enabled) {
        reset(now);
      } else {
        complain("reset without reset enable");
      }
      return;
    case Action::kResetEnable:
      reset_enabled_ = true;
      return;
    case Action::kRelease:
      if (std::exchange(powered_down_, false)) ready_at_ = now + part_.deep_power_down_exit;
      return;
    case Action::kLeaveContinuous:
      return;
    case Action::kPowerDown:
      powered_down_ = true;
      return;
    case Action::kWriteEnable:
      write_enabled_ = true;
      return;
    case Action::kWriteDisable:
      write_enabled_ = false;
      return;
    case Action::kEnter4Byte:
      state_.four_byte = true;
      return;
    case Action::kExit4Byte:
      state_.four_byte = false;
      return;
    case Action::kSuspend:
      suspend(now);
      return;
    case Action::kResume:
      resume(now);
      return;
    case Action::kClearFlagStatus:
      program_failed_ = erase_failed_ = protection_failed_ = false;
      return;
    case Action::kWriteStatus:
    case Action::kWriteStatus2:
    case Action::kWriteConfiguration2:
    case Action::kProgram:
    case Action::kErase:
    case Action::kEraseChip:
      begin_write(command, signals, now);
      return;
    default:
      answer(command, signals);
      return;
  }
}

void NorChip::Silicon::answer(const NorCommand& command, const xspi_command& signals) {
  const std::span<std::uint8_t> out(signals.read, signals.size);
  // In octal DTR a register answers each of its bytes on both edges of a clock.
  const std::size_t repeat = state_.mode == Mode::kOctalDtr ? 2 : 1;
  const auto repeat_bytes = [&](std::span<const std::uint8_t> bytes) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = bytes[i / repeat % bytes.size()];
  };
  switch (command.action) {
    case Action::kReadId:
      repeat_bytes(part_.jedec_id);
      return;
    case Action::kReadStatus:
      repeat_bytes({{status()}});
      return;
    case Action::kReadStatus2:
      repeat_bytes({{status2_}});
      return;
    case Action::kReadFlagStatus:
      repeat_bytes({{flag_status()}});
      return;
    case Action::kReadConfiguration:
      if (part_.bus == Part::Bus::kQuad) {
        repeat_bytes({{configuration_, configuration2_}});
      } else {
        repeat_bytes({{configuration_}});
      }
      return;
    case Action::kReadSecurity:
      repeat_bytes({{security()}});
      return;
    case Action::kReadConfiguration2: {
      const auto mode = static_cast<std::uint8_t>(state_.mode);
      const auto dummies =
          static_cast<std::uint8_t>((kDummiesMost - state_.octal_read_dummies) / 2);
      repeat_bytes({{command.address == kCr2Mode      ? mode
                     : command.address == kCr2Dummies ? dummies
                                                      : std::uint8_t{0}}});
      return;
    }
    case Action::kReadSfdp:
      for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t at = command.address + (swapped() ? i ^ 1 : i);
        out[i] = sfdp_blank || at >= part_.sfdp.size() ? std::uint8_t{0xff} : part_.sfdp[at];
      }
      return;
    case Action::kRead:
      read_array(command.address, signals);
      return;
    default:
      return;
  }
}

void NorChip::Silicon::read_array(std::uint32_t address, const xspi_command& signals) {
  std::uint32_t done = 0;
  while (done < signals.size) {  // behind the last byte comes the first
    const std::uint32_t from = (address + done) % part_.size;
    const std::uint32_t some = std::min(signals.size - done, part_.size - from);
    cells.read(from, {signals.read + done, some});
    done += some;
  }
  if (!swapped()) return;
  for (std::uint32_t i = 0; i + 1 < signals.size; i += 2) {
    std::swap(signals.read[i], signals.read[i + 1]);
  }
}

void NorChip::Silicon::begin_write(const NorCommand& command, const xspi_command& signals,
                                   Time now) {
  if (!write_enabled_) {
    complain("a write or an erase without write enable");
    return;
  }
  if (suspended_) {
    complain("a write or an erase while one is suspended");
    return;
  }
  switch (command.action) {
    case Action::kWriteStatus:
    case Action::kWriteStatus2:
      begin_register_write(command, signals, now);
      return;
    case Action::kWriteConfiguration2:
      write_configuration2(command, signals);
      return;
    case Action::kProgram:
      begin_program(command.address % part_.size, signals, now);
      return;
    case Action::kEraseChip:
      if (chip_erase_ignored) return;
      begin_erase(0, part_.size, times().chip_erase, now);
      return;
    case Action::kErase: {
      const EraseType& type = *command.erase;
      const std::uint32_t address = command.address % part_.size / type.size * type.size;
      begin_erase(address, type.size, low_power() ? type.low_power_time : type.time, now);
      return;
    }
    default:
      return;
  }
}

// Volatile: at once, without busy time.
void NorChip::Silicon::write_configuration2(const NorCommand& command,
                                            const xspi_command& signals) {
  write_enabled_ = false;
  const std::uint8_t value = signals.write[0];
  if (command.address == kCr2Mode && value <= static_cast<std::uint8_t>(Mode::kOctalDtr)) {
    state_.mode = static_cast<Mode>(value);
  } else if (command.address == kCr2Dummies && value <= 7) {
    state_.octal_read_dummies = static_cast<std::uint8_t>(kDummiesMost - 2 * value);
  } else {
    // The rest is non-volatile or tuning: what is written there, the board's owner finds later.
    complain(fmt::format("CR2 at {:08X}h written with {:02X}h", command.address, value));
  }
}

void NorChip::Silicon::reset(Time now) {
  const bool was_busy = abort(now);
  forget_volatile();
  ready_at_ = now + (was_busy ? part_.reset_busy : part_.reset);
}

}  // namespace gangd::model
