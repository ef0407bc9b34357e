// The bootloader in a chip's ROM, as far as its users see it over USB: DFU with ST's extensions at
// full speed, for the internal flash and the RAM. A state machine on whole control transfers; it
// knows no firmware of ours, and what it works on is a RomTarget.
//
// From ST's AN2606 and from what programs and people have written down of such bootloaders. Nobody
// on this project has seen one. Layout strings, transfer size and startup time of the STM32H7RS are
// not published; those here are of its relatives, and a host must live with others.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/model/control_device.h"
#include "tests/model/transfer.h"

namespace gangd::model {

// What the bootloader's code reaches. Addresses are checked before.
class RomTarget {
 public:
  using Time = std::chrono::nanoseconds;
  virtual ~RomTarget() = default;

  // RAM, flash, and what can only be read. False: the bus refuses.
  virtual bool read(std::uint32_t address, std::span<std::uint8_t> bytes, Time now) = 0;
  virtual void write_ram(std::uint32_t address, std::span<const std::uint8_t> bytes) = 0;
  // They begin, and say when they end; flash_failed() then tells how.
  virtual Time erase_sector(std::uint32_t address, Time now) = 0;
  virtual Time program(std::uint32_t address, std::span<const std::uint8_t> bytes, Time now) = 0;
  virtual bool flash_failed() const = 0;
  // Stack pointer and program counter are taken from there; the bootloader is over.
  virtual void go(std::uint32_t address, Time now) = 0;
};

// What ROMs of this family are known to have got wrong; by default they have none of it.
enum class RomBug {
  kNoGo,              // leave does nothing: the device stays in DFU (H74x V13.2)
  kNoMassErase,       // an erase of everything fails (H74x V13.3)
  kShortMassErase,    // it says 100 ms, and takes much longer (F405)
  kShortTimeouts,     // bwPollTimeout is too short, and GETSTATUS is stalled until it is done (L4)
  kBusyUntilCleared,  // dfuDNBUSY for ever after an erase; CLRSTATUS twice ends it (H74x V9.1)
  kSpoilsOddBlocks,   // a block of more than 256 bytes, no multiple of 8, is corrupted (L47x V9)
  kSpoilsRam,         // what is written to the RAM has a wrong byte (L47x V9.0)
  kCutsStrings,       // string descriptors lack their last character (F427)
  kSilentLeave,       // it is gone before GETSTATUS of the leave is answered
  kWantsRoomOnStack,  // leave wants the stack more than 16 bytes below the end of its RAM
  kWrongFlashSize,    // the layout tells of more flash than there is (H7A3 V9.0)
};
// By its name as a command line has it, `no-go`; nothing: there is no such bug.
std::optional<RomBug> find_rom_bug(std::string_view name);
std::vector<std::string_view> rom_bug_names();

class RomLoader {
 public:
  using Time = RomTarget::Time;

  static constexpr std::uint16_t kVendor = 0x0483;
  static constexpr std::uint16_t kProduct = 0xdf11;

  struct Range {
    std::uint32_t address;
    std::uint32_t size;
    bool holds(std::uint32_t at, std::uint64_t bytes) const {
      return at >= address && at - address + bytes <= size;
    }
  };
  // A chip's: those of the STM32H7RS (AN2606).
  struct Chip {
    std::vector<Range> ram = {{0x2400'0000, 0x7'2000}, {0x2000'0000, 0x1'0000}};
    Range own = {0x2402'0000, 0x4000};  // of the RAM, that the bootloader itself works in
    Range flash = {0x0800'0000, 0x1'0000};
    std::uint32_t sector = 0x2000;
    std::uint32_t word = 16;  // the flash is programmed in
    // What can be read, and no more: one-time programmable, and the ROM itself.
    std::vector<Range> read_only = {{0x08ff'f000, 0x400}, {0x1ff1'8000, 0x8000}};
    std::uint16_t transfer = 1024;  // wTransferSize
  };
  struct Options {
    Chip chip = {};
    std::set<RomBug> bugs = {};
    // Many boards have this one: it tells nobody which.
    std::string serial = "200364500000";
    bool tells_ram = false;  // a layout for the RAM, too
    UsbBus* bus = nullptr;   // of full speed; null: transfers take no time
  };

  // `target` outlives it.
  RomLoader(RomTarget& target, Options options);

  // From reset on; a while later it shows itself.
  void start(Time now);
  // The power fails, or there is a reset: all transfers end with kUnplugged.
  void stop();
  bool shown() const { return usb_.shown(); }

  void submit(Transfer& transfer, Time now);
  void cancel(Transfer& transfer) { usb_.cancel(transfer); }
  void bus_reset() { usb_.bus_reset(); }
  // Returns when it next wants to; Time::max(): when something is submitted.
  Time advance(Time now);

  // Called from within the functions above.
  std::function<void(Transfer&)> on_complete;
  std::function<void(bool shown)> on_shown;

  const Options& options() const { return options_; }
  // Whether such a ROM starts what begins with this stack pointer.
  static bool has_room(const Chip& chip, std::uint32_t stack);

 private:
  using Bytes = std::vector<std::uint8_t>;
  static constexpr Time kNever = Time::max();

  bool has(RomBug bug) const { return options_.bugs.contains(bug); }
  static ControlDevice::Descriptors descriptors(const Options& options);
  bool answer(const ControlDevice::Setup& setup, Bytes& data);
  bool download(std::uint16_t block, Bytes data);
  bool upload(std::uint16_t block, std::uint16_t length, Bytes& data);
  bool get_status(Bytes& data);
  bool clear_status();
  bool abort();
  // Stalled, and in dfuERROR.
  bool refuse(std::uint8_t status);
  void begin_operation();
  void begin_command();
  void begin_write();
  void begin_mass_erase();
  void write_ram();
  void end_operation();
  bool is_readable(std::uint32_t address, std::uint64_t size) const;
  bool goes();
  bool is_ram(std::uint32_t address, std::uint64_t size) const;

  RomTarget& target_;
  const Options options_;
  Time now_{};
  Time shows_at_ = kNever;
  Time leaves_at_ = kNever;

  std::uint8_t state_;
  std::uint8_t status_ = 0;
  std::uint32_t pointer_ = 0;
  std::uint16_t block_ = 0;
  Bytes data_;                // of the download that is under way
  Time busy_until_{};         // the operation that was begun
  Time told_{};               // bwPollTimeout of it
  std::uint8_t result_ = 0;   // bStatus that it will end with
  bool uses_flash_ = false;   // and the flash has the last word
  bool is_stuck_ = false;     // until CLRSTATUS
  bool writes_fail_ = false;  // since one was not aligned

  ControlDevice usb_;
};

}  // namespace gangd::model
