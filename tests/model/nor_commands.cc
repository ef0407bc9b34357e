#include "tests/model/nor_commands.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

namespace gangd::model {
namespace {

enum class Data { kNone, kRead, kWrite };
enum class Parts {
  kAll,
  kQuad,
  kOctal,
  kFourByte,
  kQuadFourByte,
  kMacronix,
  kMicron,
  kWinbond,
  kOthers
};
enum class Clock { kRead, kSpi, kQuad, kSfdp };

constexpr std::uint8_t kByMode = 0xff;      // address size: 3, or 4 after EN4B
constexpr std::uint8_t kByRegister = 0xff;  // dummy cycles: as CR2@300h says
constexpr std::uint8_t kByPart = 0xff;      // dummy cycles: as parts.toml says

// A command in SPI mode. The instruction is always on one lane.
struct SpiRule {
  std::uint8_t opcode;
  Action action;
  Parts parts = Parts::kAll;
  std::uint8_t address_size = 0;
  std::uint8_t address_lanes = 1;
  std::uint8_t dummies = 0;
  Data data = Data::kNone;
  std::uint8_t data_lanes = 1;
  Clock clock = Clock::kSpi;
};

// What all makers share, and what is of one alone; dummies of the quad reads are those of the BFPT
// (mode clocks count as dummies). kOthers: all but Macronix.
constexpr SpiRule kSpiRules[] = {
    {.opcode = 0x9f, .action = Action::kReadId, .data = Data::kRead},
    {.opcode = 0x5a,
     .action = Action::kReadSfdp,
     .address_size = 3,
     .dummies = 8,
     .data = Data::kRead,
     .clock = Clock::kSfdp},
    {.opcode = 0x05, .action = Action::kReadStatus, .data = Data::kRead},
    {.opcode = 0x15,
     .action = Action::kReadConfiguration,
     .parts = Parts::kMacronix,
     .data = Data::kRead},
    {.opcode = 0x2b,
     .action = Action::kReadSecurity,
     .parts = Parts::kMacronix,
     .data = Data::kRead},
    {.opcode = 0x70,
     .action = Action::kReadFlagStatus,
     .parts = Parts::kMicron,
     .data = Data::kRead},
    {.opcode = 0x50, .action = Action::kClearFlagStatus, .parts = Parts::kMicron},
    {.opcode = 0x35, .action = Action::kReadStatus2, .parts = Parts::kWinbond, .data = Data::kRead},
    {.opcode = 0x31,
     .action = Action::kWriteStatus2,
     .parts = Parts::kWinbond,
     .data = Data::kWrite},
    {.opcode = 0x71,
     .action = Action::kReadConfiguration2,
     .parts = Parts::kOctal,
     .address_size = 4,
     .data = Data::kRead},
    {.opcode = 0x01, .action = Action::kWriteStatus, .data = Data::kWrite},
    {.opcode = 0x72,
     .action = Action::kWriteConfiguration2,
     .parts = Parts::kOctal,
     .address_size = 4,
     .data = Data::kWrite},
    {.opcode = 0x06, .action = Action::kWriteEnable},
    {.opcode = 0x04, .action = Action::kWriteDisable},
    {.opcode = 0x03,
     .action = Action::kRead,
     .address_size = kByMode,
     .data = Data::kRead,
     .clock = Clock::kRead},
    {.opcode = 0x0b,
     .action = Action::kRead,
     .address_size = kByMode,
     .dummies = 8,
     .data = Data::kRead},
    {.opcode = 0x13,
     .action = Action::kRead,
     .parts = Parts::kFourByte,
     .address_size = 4,
     .data = Data::kRead,
     .clock = Clock::kRead},
    {.opcode = 0x0c,
     .action = Action::kRead,
     .parts = Parts::kFourByte,
     .address_size = 4,
     .dummies = 8,
     .data = Data::kRead},
    {.opcode = 0x6b,
     .action = Action::kRead,
     .parts = Parts::kQuad,
     .address_size = kByMode,
     .dummies = 8,
     .data = Data::kRead,
     .data_lanes = 4,
     .clock = Clock::kQuad},
    {.opcode = 0xeb,
     .action = Action::kRead,
     .parts = Parts::kQuad,
     .address_size = kByMode,
     .address_lanes = 4,
     .dummies = kByPart,
     .data = Data::kRead,
     .data_lanes = 4,
     .clock = Clock::kQuad},
    {.opcode = 0x6c,
     .action = Action::kRead,
     .parts = Parts::kQuadFourByte,
     .address_size = 4,
     .dummies = 8,
     .data = Data::kRead,
     .data_lanes = 4,
     .clock = Clock::kQuad},
    {.opcode = 0xec,
     .action = Action::kRead,
     .parts = Parts::kQuadFourByte,
     .address_size = 4,
     .address_lanes = 4,
     .dummies = kByPart,
     .data = Data::kRead,
     .data_lanes = 4,
     .clock = Clock::kQuad},
    {.opcode = 0x02, .action = Action::kProgram, .address_size = kByMode, .data = Data::kWrite},
    {.opcode = 0x12,
     .action = Action::kProgram,
     .parts = Parts::kFourByte,
     .address_size = 4,
     .data = Data::kWrite},
    {.opcode = 0x60, .action = Action::kEraseChip},
    {.opcode = 0xc7, .action = Action::kEraseChip},
    {.opcode = 0xb0, .action = Action::kSuspend, .parts = Parts::kMacronix},
    {.opcode = 0x30, .action = Action::kResume, .parts = Parts::kMacronix},
    {.opcode = 0x75, .action = Action::kSuspend, .parts = Parts::kOthers},
    {.opcode = 0x7a, .action = Action::kResume, .parts = Parts::kOthers},
    {.opcode = 0xb7, .action = Action::kEnter4Byte, .parts = Parts::kFourByte},
    {.opcode = 0xe9, .action = Action::kExit4Byte, .parts = Parts::kFourByte},
    {.opcode = 0xb9, .action = Action::kPowerDown},
    {.opcode = 0xab, .action = Action::kRelease},
    {.opcode = 0xff, .action = Action::kLeaveContinuous},
    {.opcode = 0x66, .action = Action::kResetEnable},
    {.opcode = 0x99, .action = Action::kReset},
};

// A command in octal mode: the opcode, then its complement; addresses have 4 bytes.
struct OctalRule {
  std::uint8_t opcode;
  Action action;
  bool address = false;
  std::uint8_t dummies = 0;
  Data data = Data::kNone;
};

// Macronix octal families, by ST's headers; 4 dummies of register reads and 20 of SFDP are those of
// table FF05 and of JESD251.
constexpr OctalRule kOctalRules[] = {
    {.opcode = 0x9f, .action = Action::kReadId, .address = true, .dummies = 4, .data = Data::kRead},
    {.opcode = 0x5a,
     .action = Action::kReadSfdp,
     .address = true,
     .dummies = 20,
     .data = Data::kRead},
    {.opcode = 0x05,
     .action = Action::kReadStatus,
     .address = true,
     .dummies = 4,
     .data = Data::kRead},
    {.opcode = 0x15,
     .action = Action::kReadConfiguration,
     .address = true,
     .dummies = 4,
     .data = Data::kRead},
    {.opcode = 0x2b,
     .action = Action::kReadSecurity,
     .address = true,
     .dummies = 4,
     .data = Data::kRead},
    {.opcode = 0x71,
     .action = Action::kReadConfiguration2,
     .address = true,
     .dummies = 4,
     .data = Data::kRead},
    {.opcode = 0x01, .action = Action::kWriteStatus, .address = true, .data = Data::kWrite},
    {.opcode = 0x72, .action = Action::kWriteConfiguration2, .address = true, .data = Data::kWrite},
    {.opcode = 0x06, .action = Action::kWriteEnable},
    {.opcode = 0x04, .action = Action::kWriteDisable},
    {.opcode = 0x12, .action = Action::kProgram, .address = true, .data = Data::kWrite},
    {.opcode = 0x60, .action = Action::kEraseChip},
    {.opcode = 0xc7, .action = Action::kEraseChip},
    {.opcode = 0xb0, .action = Action::kSuspend},
    {.opcode = 0x30, .action = Action::kResume},
    {.opcode = 0xb9, .action = Action::kPowerDown},
    {.opcode = 0xab, .action = Action::kRelease},
    {.opcode = 0x66, .action = Action::kResetEnable},
    {.opcode = 0x99, .action = Action::kReset},
};
constexpr OctalRule kReadStr = {.opcode = 0xec,
                                .action = Action::kRead,
                                .address = true,
                                .dummies = kByRegister,
                                .data = Data::kRead};
constexpr OctalRule kReadDtr = {.opcode = 0xee,
                                .action = Action::kRead,
                                .address = true,
                                .dummies = kByRegister,
                                .data = Data::kRead};

bool applies(const Part& part, Parts parts) {
  switch (parts) {
    case Parts::kAll:
      return true;
    case Parts::kQuad:
      return part.bus == Part::Bus::kQuad;
    case Parts::kOctal:
      return part.bus == Part::Bus::kOctal;
    case Parts::kFourByte:
      return part.four_byte;
    case Parts::kQuadFourByte:
      return part.bus == Part::Bus::kQuad && part.four_byte;
    case Parts::kMacronix:
      return part.maker == Part::Maker::kMacronix;
    case Parts::kMicron:
      return part.maker == Part::Maker::kMicron;
    case Parts::kWinbond:
      return part.maker == Part::Maker::kWinbond;
    case Parts::kOthers:
      return part.maker != Part::Maker::kMacronix;
  }
  return false;
}

std::uint32_t limit(const Part& part, Clock clock) {
  switch (clock) {
    case Clock::kRead:
      return part.clock.read;
    case Clock::kSpi:
      return part.clock.spi;
    case Clock::kQuad:
      return part.clock.quad;
    case Clock::kSfdp:
      return part.clock.sfdp;
  }
  return 0;
}

// A driver that looks for a chip sends these before it can know the mode.
bool may_be_blind(unsigned opcode) {
  return opcode == 0x9f || opcode == 0xab || opcode == 0x66 || opcode == 0x99 || opcode == 0xff;
}

bool is_phase(const xspi_phase& phase, unsigned lanes, bool ddr) {
  return phase.lanes == lanes && (lanes == XSPI_NONE || phase.ddr == ddr);
}

bool data_fits(const xspi_command& signals, Data data) {
  switch (data) {
    case Data::kNone:
      return signals.size == 0 || signals.data_phase.lanes == XSPI_NONE;
    case Data::kRead:
      return signals.read != nullptr && signals.size > 0;
    case Data::kWrite:
      return signals.write != nullptr && signals.size > 0;
  }
  return false;
}

Decoded refuse(unsigned opcode, std::string_view why) {
  Decoded decoded;
  if (!may_be_blind(opcode)) decoded.complaint = fmt::format("command {:02X}h: {}", opcode, why);
  return decoded;
}

Decoded decode_spi(const Part& part, const DecodeState& state, const xspi_command& signals,
                   const SpiRule& rule) {
  const unsigned opcode = rule.opcode;
  const unsigned address_size =
      rule.address_size == kByMode ? (state.four_byte ? 4 : 3) : rule.address_size;
  const unsigned address_lanes = address_size == 0 ? 0 : rule.address_lanes;
  const unsigned data_lanes = rule.data == Data::kNone ? 0 : rule.data_lanes;
  if (!is_phase(signals.address_phase, address_lanes, false) ||
      !is_phase(signals.data_phase, data_lanes, false)) {
    return refuse(opcode, "wrong lanes");
  }
  if (address_size != 0 && signals.address_size != address_size) {
    return refuse(opcode, fmt::format("{} address bytes", signals.address_size));
  }
  if (signals.dummy_cycles != (rule.dummies == kByPart ? part.read_1_4_4_dummies : rule.dummies)) {
    return refuse(opcode, fmt::format("{} dummy cycles", signals.dummy_cycles));
  }
  if (!data_fits(signals, rule.data)) return refuse(opcode, "data in the wrong direction");
  Decoded decoded = {.understood = true, .command = {.action = rule.action}, .complaint = {}};
  decoded.command.address = address_size == 0 ? 0 : signals.address;
  if (address_size == 3) decoded.command.address &= 0xffffff;
  decoded.command.quad = address_lanes == 4 || data_lanes == 4;
  decoded.command.clock_max_hz = limit(part, rule.clock);
  return decoded;
}

// A program on four lanes: each maker has its own.
std::optional<SpiRule> quad_program_rule(const Part& part, unsigned opcode) {
  const QuadProgram& quad = part.program_quad;
  if (quad.opcode == 0 || (opcode != quad.opcode && opcode != quad.opcode_4byte)) return {};
  return SpiRule{.opcode = static_cast<std::uint8_t>(opcode),
                 .action = Action::kProgram,
                 .address_size = opcode == quad.opcode_4byte ? std::uint8_t{4} : kByMode,
                 .address_lanes = quad.address_lanes,
                 .data = Data::kWrite,
                 .data_lanes = 4,
                 .clock = Clock::kQuad};
}

Decoded in_spi_mode(const Part& part, const DecodeState& state, const xspi_command& signals) {
  const unsigned opcode =
      signals.instruction_size == 2 ? signals.instruction >> 8 : signals.instruction & 0xffu;
  if (signals.instruction_size != 1 || !is_phase(signals.instruction_phase, 1, false)) {
    return refuse(opcode, "not in SPI mode");
  }
  for (const SpiRule& rule : kSpiRules) {
    if (rule.opcode == opcode && applies(part, rule.parts)) {
      return decode_spi(part, state, signals, rule);
    }
  }
  if (const auto rule = quad_program_rule(part, opcode)) {
    return decode_spi(part, state, signals, *rule);
  }
  for (const EraseType& erase : part.erase_types) {
    const bool four = erase.opcode_4byte != 0 && erase.opcode_4byte == opcode;
    if (!four && erase.opcode != opcode) continue;
    const SpiRule rule = {.opcode = static_cast<std::uint8_t>(opcode),
                          .action = Action::kErase,
                          .address_size = four ? std::uint8_t{4} : kByMode};
    Decoded decoded = decode_spi(part, state, signals, rule);
    decoded.command.erase = &erase;
    return decoded;
  }
  return refuse(opcode, "this part does not have it");
}

Decoded decode_octal(const Part& part, const DecodeState& state, const xspi_command& signals,
                     const OctalRule& rule) {
  const bool ddr = state.mode == NorChip::Mode::kOctalDtr;
  const unsigned opcode = rule.opcode;
  if (!is_phase(signals.address_phase, rule.address ? 8 : 0, ddr) ||
      !is_phase(signals.data_phase, rule.data == Data::kNone ? 0 : 8, ddr)) {
    return refuse(opcode, "wrong lanes or edges");
  }
  if (rule.address && signals.address_size != 4) return refuse(opcode, "not 4 address bytes");
  const unsigned dummies =
      rule.dummies == kByRegister ? state.octal_read_dummies : unsigned{rule.dummies};
  if (signals.dummy_cycles != dummies) {
    return refuse(opcode, fmt::format("{} dummy cycles", signals.dummy_cycles));
  }
  if (!data_fits(signals, rule.data)) return refuse(opcode, "data in the wrong direction");
  // A clock has two edges, and each carries a byte.
  if (ddr && rule.data != Data::kNone && signals.size % 2 != 0) {
    return refuse(opcode, fmt::format("{} bytes in octal DTR", signals.size));
  }
  const bool array = rule.action == Action::kRead || rule.action == Action::kProgram;
  if (ddr && array && signals.address % 2 != 0) return refuse(opcode, "odd address in octal DTR");
  Decoded decoded = {.understood = true, .command = {.action = rule.action}, .complaint = {}};
  decoded.command.address = rule.address ? signals.address : 0;
  decoded.command.clock_max_hz = ddr ? part.clock.octal_dtr : part.clock.octal_str;
  return decoded;
}

Decoded in_octal_mode(const Part& part, const DecodeState& state, const xspi_command& signals) {
  const bool ddr = state.mode == NorChip::Mode::kOctalDtr;
  const unsigned opcode =
      signals.instruction_size == 2 ? signals.instruction >> 8 : signals.instruction & 0xffu;
  if (signals.instruction_size != 2 || !is_phase(signals.instruction_phase, 8, ddr)) {
    return refuse(opcode, ddr ? "not in octal DTR" : "not in octal STR");
  }
  if ((signals.instruction & 0xffu) != (~opcode & 0xffu)) {
    return refuse(opcode, "the second byte is not its complement");
  }
  const OctalRule& read = ddr ? kReadDtr : kReadStr;
  if (opcode == read.opcode) return decode_octal(part, state, signals, read);
  for (const OctalRule& rule : kOctalRules) {
    if (rule.opcode == opcode) return decode_octal(part, state, signals, rule);
  }
  for (const EraseType& erase : part.erase_types) {
    if (erase.opcode_4byte != opcode) continue;
    const OctalRule rule = {
        .opcode = erase.opcode_4byte, .action = Action::kErase, .address = true};
    Decoded decoded = decode_octal(part, state, signals, rule);
    decoded.command.erase = &erase;
    return decoded;
  }
  return refuse(opcode, "not an octal command");
}

}  // namespace

Decoded decode(const Part& part, const DecodeState& state, const xspi_command& signals) {
  return state.mode == NorChip::Mode::kSpi ? in_spi_mode(part, state, signals)
                                           : in_octal_mode(part, state, signals);
}

}  // namespace gangd::model
