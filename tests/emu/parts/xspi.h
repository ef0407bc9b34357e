// XSPI: a controller of serial memories: indirect reads and writes, automatic polling,
// memory-mapped. Not HyperBus, and without DMA.
#pragma once

#include <vector>

#include "tests/emu/parts/rcc.h"
#include "tests/emu/parts/xspim.h"

namespace gangd::emu {

class Xspi final : public Peripheral, private Chip::Window {
 public:
  // `instance`: 1 or 2. All outlive it.
  Xspi(Chip& chip, Outside& outside, Rcc& rcc, Xspim& manager, unsigned instance);

  bool is_on() const;
  // The other controller has sent a command to the memory that both may reach.
  void forget_pages(const SerialMemory* memory);
  // Called when this one has.
  std::function<void(const SerialMemory*)> on_command;

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;
  void advance() override;

 private:
  enum class Mode { kWrite, kRead, kPoll, kMapped };
  // A command's registers: CCR, TCR, IR, ABR; those of writes in a window are 80h behind.
  enum class Set { kCommon, kWindowWrite };

  bool fill(std::uint32_t offset, std::span<std::uint8_t> page) override;
  void store(std::uint32_t offset, std::span<const std::uint8_t> bytes) override;

  Time world() const { return outside_.world(chip_.now()); }
  Mode mode() const;
  std::uint32_t window_address() const { return instance_ == 1 ? 0x90000000 : 0x70000000; }
  std::uint32_t clock_hz() const;
  std::uint32_t data_length() const;

  // xspi.cc: registers
  void write_control(const RegisterFile::Write& write);
  void write_data(unsigned size, std::uint32_t value);
  std::uint32_t read_data(unsigned size);
  void follow_mode();
  void open();
  void close();
  void abort();
  bool may_change(const RegisterFile::Write& write);
  void keep_up();
  void show_interrupt();

  // xspi_bus.cc: what goes over the bus
  bool needs_address() const;
  bool needs_data() const;
  bool address_is_valid(std::uint32_t address, std::uint32_t size) const;
  xspi_command command(Set set, std::uint32_t address, std::uint32_t size) const;
  // Nothing: a violation.
  std::optional<Time> send(Set set, xspi_command command);
  bool pins_are_there(const xspi_command& command, bool strobe);
  void swap_pairs(const xspi_command& command, std::span<std::uint8_t> bytes) const;
  void trigger();
  void start_read();
  void run_plain();
  void finish_write();
  void poll();
  std::uint32_t available() const;
  std::uint32_t level() const;

  Chip& chip_;
  Outside& outside_;
  Rcc& rcc_;
  Xspim& manager_;
  const unsigned instance_;
  RegisterFile registers_;

  // Of the command that runs, or was the last.
  std::vector<std::uint8_t> bytes_;  // received, or to be sent
  std::uint32_t taken_ = 0;          // of what was received
  bool writes_ = false;              // its data come from DR
  Time data_begins_{};
  Time byte_time_{};
  Time ends_{};       // busy until then
  bool told_ = true;  // its end
  bool polls_ = false;
  Time next_poll_{};
  bool is_open_ = false;
  bool prefetches_ = false;  // the window was touched
  bool is_jammed_ = false;   // busy until it is reset
};

}  // namespace gangd::emu
