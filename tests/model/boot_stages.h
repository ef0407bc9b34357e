// What runs on a virtual board before and after our firmware: the bootloader in its ROM, which puts
// the firmware into the RAM, and the application that the firmware starts. Has the chip's RAM and
// internal flash.
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

#include "target_fw/core/status.h"
#include "target_fw/mailbox.h"
#include "target_fw/port.h"
#include "tests/model/control_device.h"
#include "tests/model/internal_flash.h"
#include "tests/model/nor_chip.h"
#include "tests/model/rom_loader.h"

namespace gangd::model {

struct UsbIds {
  std::uint16_t vendor = 0;
  std::uint16_t product = 0;
};

// What becomes of a start out of the ROM.
enum class StartFault {
  kNone,
  kNeverBack,     // the board is not seen again before its power is switched
  kBackInRom,     // the program crashes, and a watchdog resets the chip
  kWrongNonce,    // another start's
  kNoNonce,       // none
  kOtherProgram,  // somebody has put another program there, which is right in all else
};
// By its name as a command line has it, `never-back`; nothing: there is no such fault.
std::optional<StartFault> find_start_fault(std::string_view name);

class BootStages final : private RomTarget {
 public:
  using Time = std::chrono::nanoseconds;
  using Nonce = std::array<std::uint8_t, MAILBOX_NONCE_SIZE>;

  struct Options {
    RomLoader::Options rom = {};
    // The firmware and the application are at another connector of the board than the ROM.
    bool second_port = false;
    // What the application is on the bus; nothing: it has no USB.
    std::optional<UsbIds> application = {};
  };
  // The external flash, as the chip maps it.
  struct Mapped {
    const NorChip& chip;
    std::uint32_t address;
    std::uint64_t size;
  };

  // The chip outlives it.
  BootStages(Options options, std::uint64_t seed, Mapped mapped);

  void power_on(Time now);
  void power_off(Time now);

  // What answers on the bus is here, and not in the firmware.
  bool has_usb() const { return stage_ != Stage::kFirmware; }
  bool at_second_port() const { return options_.second_port && stage_ != Stage::kRom; }
  void submit(Transfer& transfer, Time now);
  void cancel(Transfer& transfer);
  void bus_reset();
  // Returns when it next wants to.
  Time advance(Time now);
  std::function<void(Transfer&)> on_complete;
  std::function<void(bool shown)> on_shown;

  // The firmware is to start: `program` is what was written into the RAM, `nonce` what lay in the
  // mailbox. A fault hits the next start, and no other.
  std::function<void(Time now)> on_firmware;
  void set_start_fault(StartFault fault) { fault_ = fault; }
  const std::vector<std::uint8_t>& program() const { return program_; }
  const std::optional<Nonce>& nonce() const { return nonce_; }

  // The firmware leaves: whether what is at `address` has vectors that can be right; and its end.
  dfu_status check(std::uint32_t address);
  void start_application(std::uint32_t address, Time now);
  // Where the application that runs was started; nothing: none does.
  const std::optional<std::uint32_t>& application() const { return application_; }

  InternalFlash& flash() { return flash_; }

 private:
  enum class Stage { kOff, kRom, kFirmware, kApplication, kDead };

  bool read(std::uint32_t address, std::span<std::uint8_t> bytes, Time now) override;
  void write_ram(std::uint32_t address, std::span<const std::uint8_t> bytes) override;
  Time erase_sector(std::uint32_t address, Time now) override;
  Time program(std::uint32_t address, std::span<const std::uint8_t> bytes, Time now) override;
  bool flash_failed() const override { return flash_failed_; }
  void go(std::uint32_t address, Time now) override;

  std::uint8_t* ram_at(std::uint32_t address);
  std::vector<std::uint8_t> written_from(std::uint32_t address);
  void take_mailbox();
  bool read_mapped(std::uint32_t address, std::span<std::uint8_t> bytes) const;
  bool has_vectors(std::uint32_t address, std::uint32_t end);
  void put_fault(Time now);

  const Options options_;
  const Mapped mapped_;
  Stage stage_ = Stage::kOff;
  StartFault fault_ = StartFault::kNone;
  Time resets_at_ = Time::max();
  Time shows_application_at_ = Time::max();
  std::vector<std::uint8_t> ram_;      // of AXI; then the DTCM
  std::vector<bool> written_;          // since power-on
  std::vector<std::uint8_t> program_;  // that was started
  std::optional<Nonce> nonce_;
  std::optional<std::uint32_t> application_;
  bool flash_failed_ = false;
  InternalFlash flash_;
  RomLoader rom_;
  std::optional<ControlDevice> application_usb_;
};

}  // namespace gangd::model
