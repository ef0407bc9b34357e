// Peripheral: one block of registers of an emulated chip, and what it may ask of the chip around
// it.
//
// Models are strict. What the chip's documents do not allow is a violation: the run ends with a
// sentence and a trace. Models know nothing of our firmware.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gangd::emu {

// Virtual: since the chip's power-on.
using Time = std::chrono::nanoseconds;

// What a peripheral sees of its chip.
class Chip {
 public:
  virtual ~Chip() = default;

  // Of the instruction that runs.
  virtual Time now() const = 0;
  // Peripheral::advance() of all is called then, or a little later; also while the CPU sleeps.
  virtual void wake_at(Time when) = 0;
  // The level of an interrupt line of the NVIC.
  virtual void set_interrupt(unsigned line, bool high) = 0;
  // What the CPU's clock is from now on.
  virtual void set_clock(std::uint32_t hz) = 0;
  // Begins when the instruction that runs has ended: all peripherals but `keeps` of them are reset,
  // RAM stays, and the chip starts as its boot pins say.
  virtual void request_reset(std::string_view why) = 0;
  // Ends the run, with the address of the instruction and a trace of what came before.
  virtual void violate(std::string sentence) = 0;

  // What a bus master that is not the CPU reaches: RAM and windows. A violation if there is
  // nothing.
  virtual void read_memory(std::uint32_t address, std::span<std::uint8_t> bytes) = 0;
  virtual void write_memory(std::uint32_t address, std::span<const std::uint8_t> bytes) = 0;

  // --- windows: external memory that a controller maps into the address space

  // From now on the CPU reads, or runs, what Window::fill() gives; pages are asked for when the CPU
  // first touches them. `writable`: what the CPU writes comes to Window::store().
  class Window {
   public:
    virtual ~Window() = default;
    // False: nothing could be read, and the violation is told.
    virtual bool fill(std::uint32_t offset, std::span<std::uint8_t> page) = 0;
    virtual void store(std::uint32_t offset, std::span<const std::uint8_t> bytes) = 0;
    // Whether a read in there may fail, or give another value each time. The program's own reads
    // then come to read_now(); what it runs is what fill() gave.
    virtual bool may_fail(std::uint32_t /*offset*/, std::uint32_t /*size*/) { return false; }
    // False: the read ends with a bus fault, if those are not ignored.
    virtual bool read_now(std::uint32_t /*offset*/, std::span<std::uint8_t> /*bytes*/) {
      return false;
    }
  };
  virtual void open_window(std::uint32_t address, std::uint32_t size, Window& window,
                           bool writable) = 0;
  // What lies at `offset` has changed.
  virtual void refresh_window(std::uint32_t address, std::uint32_t offset, std::uint32_t size) = 0;
  // An access is a violation again, and pages are forgotten.
  virtual void close_window(std::uint32_t address) = 0;
};

// Registers at consecutive addresses. Constructed with its Chip&, which outlives it.
class Peripheral {
 public:
  virtual ~Peripheral() = default;

  virtual std::string_view name() const = 0;
  // Power-on (`cold`) or a reset of the system.
  virtual void reset(bool cold) = 0;
  // `size` is 1, 2 or 4 bytes. A register that does not exist, or not in this size, is a violation.
  virtual std::uint32_t read(std::uint32_t offset, unsigned size) = 0;
  virtual void write(std::uint32_t offset, unsigned size, std::uint32_t value) = 0;
  // Time has passed: it is Chip::now().
  virtual void advance() {}
};

}  // namespace gangd::emu
