// Machine: a chip that runs: its core, exceptions, memory, peripherals, and a virtual clock in
// which every instruction takes one cycle.
//
// Deterministic: the same bytes and the same calls give the same run.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/emu/chips.h"
#include "tests/emu/core.h"
#include "tests/emu/mapped.h"
#include "tests/emu/memory.h"
#include "tests/emu/peripheral.h"
#include "tests/emu/system_block.h"

namespace gangd::emu {

class Machine final : public Chip, private Core::System, private SystemBlock::Owner {
 public:
  struct Options {
    std::uint64_t seed = 1;
    // Faults go to the program's handlers, as in silicon. False: each is a violation.
    bool take_faults = false;
    // Told of register accesses and exceptions, as they happen.
    std::function<void(const std::string&)> on_trace;
    // Names an address of the program; empty where it cannot.
    std::function<std::string(std::uint32_t)> name;
  };

  enum class Stop {
    kTime,       // so much time has passed
    kAsleep,     // it waits for an interrupt, and nothing is due
    kUntil,      // before the instruction that was asked for
    kReturned,   // from call()
    kHalted,     // not started, or in a fault without a way out
    kViolation,  // violation() says which
    kPowerLost,  // has_lost_power() said so
  };

  static Result<std::unique_ptr<Machine>> make(const ChipKind& kind, Options options);
  Machine(const ChipKind& kind, Options options);  // use make()
  ~Machine() override;

  // Before the first power_on(). They do not overlap, and are reset in this order.
  void attach(std::vector<Mapped> peripherals);

  // What there is from the next power_on() on.
  void set_ram(std::vector<RamBlock> blocks);
  // All from the beginning; RAM holds anything. The CPU stands still.
  void power_on();
  // Starts as after a reset, with the stack pointer and program of this vector table. Exceptions
  // use that table, or the one of who started it.
  void start(std::uint32_t vectors) { start(vectors, vectors); }
  void start(std::uint32_t vectors, std::uint32_t in_force);
  // Called instead of start() with the chip's own address, after a reset that the program asked
  // for.
  std::function<void()> on_reset;
  // Asked after each access to a peripheral: what it set off may have been cut by a loss of power.
  std::function<bool()> has_lost_power;
  // Runs a function of the program to its end, with a stack below `stack`; then run() gives
  // kReturned.
  void call(std::uint32_t function, const std::vector<std::uint32_t>& arguments,
            std::uint32_t stack);
  std::uint32_t result() const { return core_->get(0); }

  // Up to this time.
  Stop run(Time until);
  // run() ends before this instruction is executed.
  void stop_at(std::uint32_t address) { core_->set_stop_at(address & ~1u); }
  // When something will be due while it is asleep; Time::max().
  Time next_event() const;

  // Without protection, as a debugger. kNotFound where nothing is.
  Status load(std::uint32_t address, std::span<const std::uint8_t> bytes);
  bool peek(std::uint32_t address, std::span<std::uint8_t> bytes);

  const ChipKind& kind() const { return kind_; }
  std::uint32_t program_counter() const { return core_->get(Core::kPc) & ~1u; }
  std::uint32_t reg(unsigned n) const { return core_->get(n); }
  std::uint64_t instructions() const { return core_->instructions(); }
  // What ended the run, with registers and the last instructions and accesses. Empty: nothing did.
  const std::string& violation() const { return violation_; }
  // Its first line.
  const std::string& sentence() const { return sentence_; }
  std::string describe(std::uint32_t address) const;
  bool asleep() const { return asleep_ || halted_; }

  // --- Chip

  Time now() const override;
  void wake_at(Time when) override;
  void set_interrupt(unsigned line, bool high) override;
  void set_clock(std::uint32_t hz) override;
  void request_reset(std::string_view why) override;
  void violate(std::string sentence) override;
  void read_memory(std::uint32_t address, std::span<std::uint8_t> bytes) override;
  void write_memory(std::uint32_t address, std::span<const std::uint8_t> bytes) override;
  void open_window(std::uint32_t address, std::uint32_t size, Window& window,
                   bool writable) override;
  void refresh_window(std::uint32_t address, std::uint32_t offset, std::uint32_t size) override;
  void close_window(std::uint32_t address) override;

 private:
  // What the program did wrong, before anybody decided what becomes of it.
  struct Fault {
    unsigned exception = kNone;
    std::uint32_t status = 0;  // bits of CFSR
    std::optional<std::uint32_t> address;
    std::string sentence;
  };
  struct Entry {
    std::uint32_t pc = 0;
    std::uint32_t address = 0;
    std::uint32_t value = 0;
    std::uint8_t size = 0;
    bool writes = false;
    const Peripheral* peripheral = nullptr;
  };

  // Core::System
  Runnable runnable(std::uint32_t address) override;
  bool not_mapped(std::uint32_t address, unsigned size, Access access,
                  std::uint32_t value) override;
  std::uint32_t read(std::uint32_t address, unsigned size) override;
  void write(std::uint32_t address, unsigned size, std::uint32_t value) override;
  bool state_changed() override;

  // SystemBlock::Owner
  std::uint64_t cycles() const override { return core_->cycles(); }
  unsigned exception() const override { return core_->exception(); }
  void system_changed() override { core_->stop(); }

  // machine.cc
  std::uint64_t cycles_at(Time time) const;
  void set_deadline(Time until);
  void catch_up();
  bool sleep(Time until);
  void settle();
  void reset_all(bool cold);
  void do_reset();
  std::optional<Stop> after(Core::Ended ended);
  Memory::View view() const;

  // machine_access.cc
  const Mapped* mapped_at(std::uint32_t address);
  bool may_access(std::uint32_t address, unsigned size, bool writes);
  bool ignores_bus_faults() const;
  void watch_caches(std::uint32_t written);
  std::string lost_write(std::uint32_t address, unsigned size) const;
  void note(const Entry& entry);
  std::string text_of(const Entry& entry) const;
  void raise(Fault fault);
  // An access to registers that was not carried out: the instruction must not have happened.
  void raise_in_access(Fault fault);
  std::string trace() const;
  std::string last_accesses() const;

  // machine_exceptions.cc
  bool take_pending();
  void enter(unsigned exception, std::uint32_t return_address);
  void leave(std::uint32_t exc_return);
  void handle_fault();
  bool push_frame(std::uint32_t return_address, std::uint32_t& exc_return);
  void take_now(unsigned exception, std::uint32_t return_address);
  void lock_up(const std::string& why);

  const ChipKind& kind_;
  const Options options_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<Memory> memory_;
  SystemBlock system_;
  std::vector<Mapped> peripherals_;
  std::vector<const Mapped*> by_address_;
  const Mapped* last_mapped_ = nullptr;

  // Time passes in cycles; this many nanoseconds had when the clock last changed.
  Time clock_time_{};
  std::uint64_t clock_cycles_ = 0;
  std::uint32_t clock_hz_ = 0;
  std::set<Time> wakes_;
  Time until_{};

  void watch_power();

  std::vector<RamBlock> ram_;
  std::uint64_t power_ups_ = 0;
  bool lost_power_ = false;
  bool halted_ = true;
  bool asleep_ = false;
  bool again_ = false;  // an abort without a fault
  std::optional<std::string> reset_;
  std::optional<Fault> fault_;
  // Registers before the access that faulted; empty: the core has undone it itself.
  std::vector<std::uint32_t> before_;
  std::uint32_t before_pc_ = 0;
  std::string sentence_;
  std::string violation_;
  std::array<Entry, 256> accesses_{};
  std::uint64_t access_count_ = 0;
};

}  // namespace gangd::emu
