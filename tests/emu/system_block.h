// SystemBlock: the registers of the CPU itself, 0xE0000000 to 0xE00FFFFF: SCB, NVIC, SysTick, MPU,
// caches, DWT. A register that a Cortex-M7 does not have is a violation; those of tracing can be
// written and do nothing.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>

#include "tests/emu/exceptions.h"
#include "tests/emu/mpu.h"
#include "tests/emu/sys_tick.h"

namespace gangd::emu {

// Which faults happened, as registers keep them.
struct FaultStatus {
  std::uint32_t cfsr = 0;
  std::uint32_t hfsr = 0;
  std::uint32_t mmfar = 0;
  std::uint32_t bfar = 0;
};

class SystemBlock {
 public:
  static constexpr std::uint32_t kAddress = 0xe0000000, kSize = 0x100000;

  class Owner {
   public:
    virtual std::uint64_t cycles() const = 0;
    // The exception that runs.
    virtual unsigned exception() const = 0;
    // Something may be taken now that could not before, or another memory may be used.
    virtual void system_changed() = 0;
    virtual void request_reset(std::string_view why) = 0;
    virtual void violate(std::string sentence) = 0;

   protected:
    ~Owner() = default;
  };

  explicit SystemBlock(Owner& owner) : owner_(owner) {}

  void reset();
  std::uint32_t read(std::uint32_t address, unsigned size);
  void write(std::uint32_t address, unsigned size, std::uint32_t value);

  Exceptions& exceptions() { return exceptions_; }
  const Exceptions& exceptions() const { return exceptions_; }
  const Mpu& mpu() const { return mpu_; }
  SysTick& tick() { return tick_; }
  FaultStatus& faults() { return faults_; }

  std::uint32_t vectors() const { return vtor_; }
  void set_vectors(std::uint32_t address) { vtor_ = address; }
  bool sleeps_on_exit() const { return (scr_ & 2) != 0; }
  bool aligns_stack() const { return (ccr_ & 0x200) != 0; }
  // While faults are masked (BFHFNMIGN).
  bool ignores_bus_faults() const { return (ccr_ & 0x100) != 0; }
  bool thread_from_any_level() const { return (ccr_ & 1) != 0; }
  // An interrupt may be pended without privilege.
  bool unprivileged_may_pend() const { return (ccr_ & 2) != 0; }
  bool caches_on() const { return (ccr_ & 0x30000) != 0; }
  // The data cache was switched off, and not each of its lines written back since.
  bool keeps_lines() const { return lines_.any(); }
  bool fpu_allowed() const { return (cpacr_ >> 20 & 0xf) == 0xf; }
  // An exception stacks the FPU's registers, too (ASPEN).
  bool stacks_floats() const { return (fpccr_ >> 31 & 1) != 0; }

 private:
  std::uint32_t read_word(std::uint32_t address);
  bool write_word(std::uint32_t address, std::uint32_t value);
  bool read_control(std::uint32_t address, std::uint32_t& value);
  bool write_control(std::uint32_t address, std::uint32_t value);
  bool read_debug(std::uint32_t address, std::uint32_t& value);
  bool write_debug(std::uint32_t address, std::uint32_t value);
  bool read_interrupts(std::uint32_t offset, std::uint32_t& value) const;
  bool write_interrupts(std::uint32_t offset, std::uint32_t value);
  std::uint32_t icsr() const;
  void write_ccr(std::uint32_t value);
  bool write_cache(std::uint32_t address, std::uint32_t value);
  void write_icsr(std::uint32_t value);
  void write_aircr(std::uint32_t value);
  std::uint32_t shcsr() const;
  void write_shcsr(std::uint32_t value);
  std::uint32_t cycle_count() const;

  Owner& owner_;
  Exceptions exceptions_;
  Mpu mpu_;
  SysTick tick_;
  FaultStatus faults_;
  std::uint32_t vtor_ = 0;
  std::uint32_t scr_ = 0;
  std::uint32_t ccr_ = 0;
  std::uint32_t cpacr_ = 0;
  std::uint32_t fpccr_ = 0;
  std::uint32_t fpcar_ = 0;
  std::uint32_t fpdscr_ = 0;
  std::uint32_t cache_selection_ = 0;
  std::bitset<1024> lines_;  // of the data cache, by way and set, since it was switched off
  std::uint32_t demcr_ = 0;
  std::uint32_t dwt_control_ = 0;
  std::uint64_t dwt_start_ = 0;    // the cycle at which the counter was zero
  std::uint32_t dwt_stopped_ = 0;  // what it shows while it stands
};

}  // namespace gangd::emu
