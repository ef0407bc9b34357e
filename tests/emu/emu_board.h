// EmuBoard: a board whose real ARM images run on models of the chip, seen from its USB connectors.
// It starts in the bootloader of the chip's ROM, or in its flash, as its boot pin says.
//
// It has the same face as tests/model/virtual_board.h. A slow emulator lets the board's own time
// lag behind the world's: advance() runs it for a few milliseconds of the machine's, and then asks
// to be called again at once.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "tests/emu/board_kinds.h"
#include "tests/emu/chip_on_board.h"
#include "tests/emu/program.h"
#include "tests/model/rom_loader.h"
#include "tests/model/transfer.h"

namespace gangd::emu {

class EmuBoard final : private model::RomTarget {
 public:
  using Time = std::chrono::nanoseconds;
  using Outcome = model::Outcome;
  using Transfer = model::Transfer;

  struct Options {
    BoardKind kind;
    std::array<std::uint8_t, 12> uid{};
    std::uint64_t seed = 1;
    model::RomLoader::Options rom = {};
    bool boots_rom = true;  // the boot pin, until set_boot_pin()
    // A debugger is there: with power, all that was stored is put into its place again, and the
    // vector table at this address is started.
    std::optional<std::uint32_t> start_at = {};
    bool take_faults = false;  // as of Machine::Options
    std::function<void(const std::string&)> on_trace = {};
    // The board's time with power, after which on_time_over() is called, once.
    Time time_max = Time::max();
  };

  static Result<std::unique_ptr<EmuBoard>> make(Options options);
  EmuBoard(Options options, std::unique_ptr<ChipOnBoard> chip);  // use make()

  void plug(Time now);
  void unplug(Time now);
  bool attached() const { return attached_; }
  // It is seen at the connector of the chip's high-speed controller, not at that of the ROM.
  bool at_second_port() const { return attached_ && !in_rom_ && chip_->outside().usb_hs.shown(); }
  bool high_speed() const { return at_second_port() && chip_->outside().usb_hs.high_speed(); }

  void submit(Transfer& transfer, Time now);
  void cancel(Transfer& transfer, Time now);
  void bus_reset(Time now);
  Time advance(Time now);

  std::function<void(Transfer&)> on_complete;
  std::function<void(bool attached)> on_attach;
  // The program did what the chip does not allow, and stands still: the whole trace.
  std::function<void(const std::string& violation)> on_violation;
  std::function<void()> on_time_over;

  // --- what a test looks at, and does to it

  const BoardKind& kind() const { return options_.kind; }
  ChipOnBoard& chip() { return *chip_; }
  model::NorChip* nor() { return chip_->outside().nor(); }
  // Into RAM or flash, past all of the board's own software. Names of its functions are used in
  // what is told of it.
  Status store(Program program);
  // Its names alone, for programs that come in through USB.
  void learn_names(Program program);
  // At the next reset or power-on the ROM's bootloader runs, or what is in the flash.
  void set_boot_pin(bool rom) { boots_rom_ = rom; }
  // The reset button.
  void press_reset();
  bool in_rom() const { return in_rom_; }
  // What runs: "off", "rom", "running at ...", "asleep at ...", or the violation's sentence.
  std::string state() const;

 private:
  // The ROM's code reaches all that it says that it does.
  bool read(std::uint32_t address, std::span<std::uint8_t> bytes, Time now) override;
  void write_ram(std::uint32_t address, std::span<const std::uint8_t> bytes) override;
  Time erase_sector(std::uint32_t address, Time now) override;
  Time program(std::uint32_t address, std::span<const std::uint8_t> bytes, Time now) override;
  bool flash_failed() const override { return flash_failed_; }
  void go(std::uint32_t address, Time now) override;

  UsbHost& host();
  void boot();
  void shown_changed();
  Time run(Time now);
  Time run_machine(Time now);
  Time time_left() const;
  Time runs_until(Time now) const;
  void crash();

  const Options options_;
  std::unique_ptr<ChipOnBoard> chip_;
  std::vector<Program> programs_;
  std::vector<Program> names_;
  model::RomLoader rom_;
  bool boots_rom_;
  bool powered_ = false;
  bool in_rom_ = false;
  bool attached_ = false;
  bool told_violation_ = false;
  bool flash_failed_ = false;
  bool told_time_ = false;
  Time time_before_{};  // of the lives before this one
  Time powered_at_{};
  Time now_{};
};

}  // namespace gangd::emu
