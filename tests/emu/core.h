// Core: a Cortex-M7 without its system: registers, instructions, and an address space of native RAM
// and of what asks back. Exceptions, interrupts and protection are made around it (machine.h).
//
// The only file pair that knows the emulation library. It calls back before each instruction, so
// that the program counter is right whenever it is looked at.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "base/result.h"

struct uc_struct;

namespace gangd::emu {

enum class Access : std::uint8_t { kRead, kWrite, kFetch };

// What masks exceptions.
struct Masks {
  bool primask = false;
  bool faultmask = false;
  std::uint8_t basepri = 0;
  friend bool operator==(const Masks&, const Masks&) = default;
};

class Core {
 public:
  static constexpr unsigned kSp = 13, kLr = 14, kPc = 15;
  static constexpr std::uint32_t kPage = 4096;

  // What is around it. Called from within run().
  class System {
   public:
    // Instructions may run from `from` on, so many bytes. No bytes: `address` may not be run; the
    // core stops before it.
    struct Runnable {
      std::uint32_t from = 0;
      std::uint32_t size = 0;
      const std::uint8_t* bytes = nullptr;
    };
    virtual Runnable runnable(std::uint32_t address) = 0;
    // An access to what is not mapped, or not for this. True: it goes on; a write has been carried
    // out. False: run() ends with kAborted, and the instruction has done nothing.
    virtual bool not_mapped(std::uint32_t address, unsigned size, Access access,
                            std::uint32_t value) = 0;
    virtual std::uint32_t read(std::uint32_t address, unsigned size) = 0;
    virtual void write(std::uint32_t address, unsigned size, std::uint32_t value) = 0;
    // An instruction may have changed masks() or control(). True: stop.
    virtual bool state_changed() = 0;

   protected:
    ~System() = default;
  };

  enum class Ended {
    kStopped,          // it was asked to, or reached `deadline` or `stop_at`
    kWaits,            // after WFI
    kSupervisorCall,   // after SVC
    kBreakpoint,       // at BKPT
    kExceptionReturn,  // pc() is an EXC_RETURN value, without bit 0
    kUndefined,        // at an instruction that does not exist
    kNoFloat,          // at an instruction of the FPU, which is off
    kInvalidState,     // after a branch to what is no Thumb code
    kAborted,          // not_mapped() refused
  };

  // kUnsupported: the library cannot do this.
  static Result<std::unique_ptr<Core>> make(System& system);
  Core(uc_struct* engine, System& system);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Runs from pc() on.
  Ended run();
  // From a callback: before the next instruction, or behind the next ones if they are of one
  // IT block.
  void stop() { look_at_ = 0, stopping_ = true; }

  // --- time, in instructions

  std::uint64_t cycles() const { return cycles_; }
  // Time that passes without instructions.
  void pass(std::uint64_t cycles) { cycles_ += cycles; }
  // run() ends when so many have passed.
  void set_deadline(std::uint64_t cycles);
  // run() ends before the instruction there; odd: nowhere.
  void set_stop_at(std::uint32_t address) { stop_at_ = address; }
  bool at_stop() const { return (get(kPc) & ~1u) == stop_at_; }
  // The last instructions, the newest last; at most kTraceMax.
  static constexpr std::size_t kTraceMax = 256;
  std::span<const std::uint32_t> trace(std::array<std::uint32_t, kTraceMax>& space) const;
  // The last one that was begun.
  std::uint32_t last() const { return trace_[instructions_ % kTraceMax]; }
  std::uint64_t instructions() const { return instructions_; }

  // --- state

  std::uint32_t get(unsigned n) const;
  void set(unsigned n, std::uint32_t value);
  // The register that the program calls MSP or PSP; only while the CPU is privileged.
  std::uint32_t main_sp() const;
  std::uint32_t process_sp() const;
  std::uint32_t psr() const;
  void set_psr(std::uint32_t value);
  // In force at once, whoever runs.
  void set_control(std::uint32_t value);
  void set_masks(const Masks& masks);
  std::uint32_t control() const { return control_; }
  const Masks& masks() const { return masks_; }
  std::uint32_t exception() const { return psr() & 0x1ff; }
  bool privileged() const { return privileged_; }
  // The library's FPU is always on, and of single precision alone.
  void allow_float(bool allowed) { float_allowed_ = allowed; }
  // CONTROL.FPCA: the program that runs has used the FPU.
  bool uses_float() const;
  // S0 to S15, then FPSCR: what an exception stacks.
  static constexpr unsigned kFloats = 17;
  std::array<std::uint32_t, kFloats> floats() const;
  void set_floats(std::span<const std::uint32_t, kFloats> words);
  // Whether the instruction at pc() is of double precision.
  bool at_double() const;
  // All as after power-on.
  void reset(std::uint32_t sp, std::uint32_t pc);

  // --- address space, in pages

  // `host` outlives it. Both directions may run code; System::runnable() decides.
  void map_ram(std::uint32_t address, std::span<std::uint8_t> host, bool readable, bool writable);
  void protect(std::uint32_t address, std::uint32_t size, bool readable, bool writable);
  void map_registers(std::uint32_t address, std::uint32_t size);
  void unmap(std::uint32_t address, std::uint32_t size);
  // Of mapped RAM, whatever its protection; code that was there is forgotten.
  void poke(std::uint32_t address, std::span<const std::uint8_t> bytes);
  // System::runnable() is asked again.
  void forget_runnable() { runnable_ = {}; }

 private:
  struct Hooks;
  struct Registers {
    Core& core;
    std::uint32_t address;
  };

  std::uint32_t read_register(int id) const;
  void write_register(int id, std::uint32_t value);
  void look(std::uint32_t address);
  void look_at_state();
  void learn_state();
  bool is_float(std::uint32_t address) const;

  uc_struct* const engine_;
  System& system_;
  std::uint64_t cycles_ = 0;
  std::uint64_t instructions_ = 0;
  std::uint64_t look_at_ = 0;
  std::uint64_t deadline_ = ~std::uint64_t{0};
  std::uint32_t stop_at_ = 1;
  System::Runnable runnable_;
  std::array<std::uint32_t, kTraceMax> trace_{};
  std::map<std::uint32_t, std::unique_ptr<Registers>> registers_;  // by address
  bool stopping_ = false;
  bool float_allowed_ = false;
  bool float_refused_ = false;
  Ended ended_ = Ended::kWaits;
  std::uint32_t control_ = 0;
  Masks masks_;
  bool privileged_ = true;
};

}  // namespace gangd::emu
