// What a flash chip makes of the signals on its pins: which command they are in its present mode.
#pragma once

#include <cstdint>
#include <string>

#include "target_fw/port.h"
#include "tests/model/nor_chip.h"
#include "tests/model/parts.h"

namespace gangd::model {

enum class Action {
  kReadId,
  kReadSfdp,
  kReadStatus,
  kReadConfiguration,   // 15h
  kReadSecurity,        // 2Bh: the fail flags, of Macronix
  kReadFlagStatus,      // 70h: the fail flags, of Micron
  kClearFlagStatus,     // 50h
  kReadStatus2,         // 35h, of Winbond
  kReadConfiguration2,  // 71h, with an address
  kWriteStatus,         // 01h: status, then configuration registers or the second status register
  kWriteStatus2,        // 31h, of Winbond
  kWriteConfiguration2,
  kWriteEnable,
  kWriteDisable,
  kRead,
  kProgram,
  kErase,
  kEraseChip,
  kSuspend,
  kResume,
  kEnter4Byte,
  kExit4Byte,
  kPowerDown,
  kRelease,  // from deep power down
  kLeaveContinuous,
  kResetEnable,
  kReset,
};

struct NorCommand {
  Action action = Action::kReadStatus;
  std::uint32_t address = 0;
  const EraseType* erase = nullptr;  // kErase
  bool quad = false;                 // some phase has four lanes
  std::uint32_t clock_max_hz = 0;    // in normal mode
};

// What decides on how signals are understood.
struct DecodeState {
  NorChip::Mode mode = NorChip::Mode::kSpi;
  bool four_byte = false;                // EN4B
  std::uint8_t octal_read_dummies = 20;  // by CR2@300h
};

struct Decoded {
  bool understood = false;
  NorCommand command;
  // Why not. Empty where a driver that does not know the mode yet could not do better: resets and
  // reads of the id.
  std::string complaint;
};

Decoded decode(const Part& part, const DecodeState& state, const xspi_command& signals);

}  // namespace gangd::model
