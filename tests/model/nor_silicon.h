// What is in the package of a NorChip: registers, the array, and the operation that runs. Only
// nor_chip.cc and its own sources include this.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/model/cells.h"
#include "tests/model/nor_chip.h"
#include "tests/model/nor_commands.h"
#include "tests/sim/prng.h"

namespace gangd::model {

class NorChip::Silicon {
 public:
  // What a test has ordered for one operation.
  enum class Fate { kNormal, kCut, kFail, kSkip, kHang };

  // What it complains of is added to `complaints`.
  Silicon(const Part& part, std::uint64_t seed, std::vector<std::string>& complaints);

  void power_on(Time now);
  void power_off(Time now);
  Time run(const xspi_command& signals, Time now, std::uint32_t clock_hz);
  Time busy_until() const { return running_ ? running_->end : Time::min(); }
  void order(std::uint64_t operations_from_now, Fate fate);
  void forget_orders() { fates_.clear(); }
  void protect(bool all);

  Cells cells;
  bool powered = false;
  bool cut = false;
  bool slow = false;
  bool sfdp_blank = false;
  bool registers_held = false;
  bool continuous_read = false;
  bool chip_erase_ignored = false;
  std::uint32_t clean_hz = UINT32_MAX;  // what is read with a faster clock has wrong bits
  Mode power_up_mode = Mode::kSpi;
  std::optional<std::uint32_t> locked_block;  // an address in it
  std::uint64_t operations = 0;

 private:
  struct Operation {
    enum class Kind { kProgram, kErase, kRegister } kind;
    Fate fate = Fate::kNormal;
    std::uint32_t address = 0;
    std::uint32_t size = 0;           // kErase
    std::vector<std::uint8_t> bytes;  // kProgram: at `address`; kRegister: what is written
    bool second = false;              // kRegister: into the second status register alone
    Time begin{};
    Time end{};
  };

  // nor_silicon.cc: registers and commands
  void forget_volatile();
  bool may_run(const NorCommand& command, std::uint32_t clock_hz);
  bool may_run_while_busy(const NorCommand& command) const;
  void mistake_for_address(const Decoded& decoded, const xspi_command& signals);
  bool may_come_early(const Decoded& decoded) const;
  void execute(const NorCommand& command, const xspi_command& signals, Time now);
  void answer(const NorCommand& command, const xspi_command& signals);
  void read_array(std::uint32_t address, const xspi_command& signals);
  void begin_write(const NorCommand& command, const xspi_command& signals, Time now);
  void write_configuration2(const NorCommand& command, const xspi_command& signals);
  void reset(Time now);
  bool low_power() const;
  bool swapped() const { return part_.swaps_octal_dtr && state_.mode == Mode::kOctalDtr; }
  std::uint8_t status() const;
  std::uint8_t security() const;
  std::uint8_t flag_status() const;
  void complain(std::string sentence) { complaints_.push_back(std::move(sentence)); }

  // nor_operations.cc: what takes time
  void settle(Time now);
  void begin_program(std::uint32_t address, const xspi_command& signals, Time now);
  void begin_erase(std::uint32_t address, std::uint32_t size, BusyTime time, Time now);
  void begin_register_write(const NorCommand& command, const xspi_command& signals, Time now);
  void begin_array(Operation operation, BusyTime time, Time now);
  bool refuse_protected(Operation::Kind kind, std::uint32_t address, std::uint32_t size);
  void complete(const Operation& operation);
  void apply_partly(const Operation& operation, std::uint32_t progress);
  void write_registers(const Operation& operation);
  bool locked(std::uint32_t address, std::uint32_t size) const;
  // Cuts what runs or is suspended.
  bool abort(Time now);
  void suspend(Time now);
  void resume(Time now);
  Time length(BusyTime time) const { return slow ? time.maximum : time.typical; }
  const ArrayTimes& times() const { return low_power() ? part_.low_power_times : part_.times; }

  const Part& part_;
  std::vector<std::string>& complaints_;
  sim::Prng prng_;
  std::map<std::uint64_t, Fate> fates_;  // by number of the operation

  // Volatile.
  DecodeState state_;
  bool write_enabled_ = false;
  bool reset_enabled_ = false;
  bool powered_down_ = false;  // deep power down
  bool program_failed_ = false;
  bool erase_failed_ = false;
  bool protection_failed_ = false;   // Micron
  std::uint8_t configuration2_ = 0;  // quad parts: bit 1 is high-performance mode
  Time ready_at_{};
  std::optional<Operation> running_;
  std::optional<Operation> suspended_;  // its `end` is the time that is left

  // Non-volatile.
  std::uint8_t status_ = 0;         // without WIP and WEL
  std::uint8_t configuration_ = 0;  // 15h, first byte
  std::uint8_t status2_ = 0;        // Winbond
};

}  // namespace gangd::model
