#include "tests/emu/emu_board.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace gangd::emu {
namespace {

using model::InternalFlash;
using namespace std::chrono_literals;

// What the emulator is given in one call: some milliseconds of the machine's time.
constexpr std::uint64_t kInstructionsMax = 200'000;
constexpr Time kSlice = 250us;
// Where the ROM has its code and its vectors; none is there to be run.
constexpr std::uint32_t kRomVectors = 0x1ff18000;

bool is_flash(std::uint32_t address) {
  return address - InternalFlash::kAddress < InternalFlash::kSize;
}

}  // namespace

Result<std::unique_ptr<EmuBoard>> EmuBoard::make(Options options) {
  Machine::Options machine;
  machine.seed = options.seed;
  machine.take_faults = options.take_faults;
  machine.on_trace = options.on_trace;
  // It is asked for names once the board is there.
  auto board = std::make_shared<EmuBoard*>(nullptr);
  machine.name = [board](std::uint32_t address) -> std::string {
    if (*board == nullptr) return "";
    for (const auto* programs : {&(*board)->programs_, &(*board)->names_}) {
      for (const Program& program : *programs) {
        if (std::string name = program.name(address); !name.empty()) return name;
      }
    }
    return "";
  };
  TRY(auto chip, ChipOnBoard::make(options.kind, std::move(machine)));
  auto made = std::make_unique<EmuBoard>(std::move(options), std::move(chip));
  *board = made.get();
  return made;
}

EmuBoard::EmuBoard(Options options, std::unique_ptr<ChipOnBoard> chip)
    : options_(std::move(options)),
      chip_(std::move(chip)),
      rom_(*this, options_.rom),
      boots_rom_(options_.boots_rom) {
  Outside& outside = chip_->outside();
  outside.uid = options_.uid;
  for (UsbHost* host : {&outside.usb_fs, &outside.usb_hs}) {
    host->on_complete = [this](Transfer& transfer) { on_complete(transfer); };
    host->on_shown = [this](bool) { shown_changed(); };
  }
  rom_.on_complete = [this](Transfer& transfer) { on_complete(transfer); };
  rom_.on_shown = [this](bool) { shown_changed(); };
  chip_->machine().on_reset = [this] {
    chip_->outside().pulls_reset = false;
    boot();
  };
  chip_->machine().has_lost_power = [this] {
    return chip_->outside().flash.cut() || (nor() != nullptr && nor()->cut());
  };
}

void EmuBoard::plug(Time now) {
  if (powered_) return;
  powered_ = true;
  told_violation_ = false;
  powered_at_ = now_ = now;
  chip_->power_on(now);
  for (const Program& program : programs_) {
    // What was in RAM is gone; a debugger would put it there again.
    if (options_.start_at) (void)chip_->store(program);
  }
  if (options_.start_at) return chip_->machine().start(*options_.start_at);
  boot();
}

void EmuBoard::unplug(Time now) {
  if (!powered_) return;
  now_ = std::max(now_, now);
  time_before_ += chip_->machine().now();
  powered_ = in_rom_ = false;
  rom_.stop();
  chip_->outside().usb_fs.hide();
  chip_->outside().usb_hs.hide();
  chip_->power_off();
}

// Out of reset. The bootloader in ROM is no code here: the CPU stands still while it works.
void EmuBoard::boot() {
  in_rom_ = boots_rom_;
  if (!in_rom_) return chip_->machine().start(options_.kind.chip->boot_address);
  const model::RomLoader::Range& own = options_.rom.chip.own;
  (void)chip_->machine().load(own.address, ByteVector(own.size, 0xb0));
  rom_.start(now_);
}

void EmuBoard::press_reset() {
  if (!powered_) return;
  if (std::exchange(in_rom_, false)) rom_.stop();
  chip_->outside().pulls_reset = true;
  chip_->machine().request_reset("the reset button");
}

void EmuBoard::shown_changed() {
  const Outside& outside = chip_->outside();
  const bool shown = outside.usb_fs.shown() || outside.usb_hs.shown() || rom_.shown();
  if (std::exchange(attached_, shown) != shown && on_attach) on_attach(shown);
}

UsbHost& EmuBoard::host() {
  Outside& outside = chip_->outside();
  return outside.usb_hs.shown() ? outside.usb_hs : outside.usb_fs;
}

void EmuBoard::submit(Transfer& transfer, Time now) {
  now_ = std::max(now_, now);
  transfer.actual = 0;
  if (!attached_) {
    transfer.outcome = Outcome::kUnplugged;
    return on_complete(transfer);
  }
  if (in_rom_) return rom_.submit(transfer, now_);
  host().submit(transfer);
}

void EmuBoard::cancel(Transfer& transfer, Time now) {
  now_ = std::max(now_, now);
  if (in_rom_) return rom_.cancel(transfer);
  host().cancel(transfer);
}

void EmuBoard::bus_reset(Time now) {
  now_ = std::max(now_, now);
  if (!attached_) return;
  if (in_rom_) return rom_.bus_reset();
  host().bus_reset();
}

EmuBoard::Time EmuBoard::time_left() const {
  if (options_.time_max == Time::max()) return Time::max();
  return std::max(options_.time_max - time_before_ - chip_->machine().now(), Time{});
}

// In the machine's own time: never beyond what the board is given, however late the world is.
EmuBoard::Time EmuBoard::runs_until(Time now) const {
  const Time left = time_left();
  const Time target = now - powered_at_;
  return left == Time::max() ? target : std::min(target, chip_->machine().now() + left);
}

EmuBoard::Time EmuBoard::advance(Time now) {
  const Time next = run(now);
  if (!powered_ || told_time_) return next;
  const Time left = time_left();
  if (left == Time::max()) return next;
  if (left > Time{}) return std::min(next, now_ + left);
  told_time_ = true;
  if (on_time_over) on_time_over();
  return next;
}

EmuBoard::Time EmuBoard::run(Time now) {
  now_ = std::max(now_, now);
  if (!powered_) return Time::max();
  if (in_rom_) {
    const Time next = rom_.advance(now_);
    // Time goes by for the rest of the chip.
    if (in_rom_) (void)chip_->machine().run(runs_until(now_));
    if (in_rom_) return next;
  }
  return run_machine(now_);
}

EmuBoard::Time EmuBoard::run_machine(Time now) {
  Machine& machine = chip_->machine();
  const Time target = runs_until(now);
  const std::uint64_t before = machine.instructions();
  while (machine.now() < target && !in_rom_) {
    const Machine::Stop stop = machine.run(std::min(target, machine.now() + kSlice));
    if (stop == Machine::Stop::kViolation) {
      crash();
      return Time::max();
    }
    if (stop == Machine::Stop::kPowerLost) {
      unplug(now);
      return Time::max();
    }
    if (machine.instructions() - before > kInstructionsMax) return now;
  }
  if (in_rom_) return now;
  if (!machine.asleep()) return now + kSlice;
  const Time next = machine.next_event();
  return next == Time::max() ? next : std::max(now, powered_at_ + next);
}

// It will not answer any more, which a host sees as time-outs; nothing is to be hidden by that.
void EmuBoard::crash() {
  if (std::exchange(told_violation_, true)) return;
  chip_->outside().usb_fs.hide();
  chip_->outside().usb_hs.hide();
  if (on_violation) on_violation(chip_->machine().violation());
}

Status EmuBoard::store(Program program) {
  TRY_STATUS(chip_->store(program));
  programs_.push_back(std::move(program));
  return {};
}

void EmuBoard::learn_names(Program program) {
  names_.push_back(std::move(program));
}

std::string EmuBoard::state() const {
  const Machine& machine = chip_->machine();
  if (!powered_) return "off";
  if (in_rom_) return "rom";
  if (!machine.violation().empty()) return "violation: " + machine.sentence();
  return fmt::format("{} at {}", machine.asleep() ? "asleep" : "running",
                     machine.describe(machine.program_counter()));
}

bool EmuBoard::read(std::uint32_t address, std::span<std::uint8_t> bytes, Time now) {
  if (is_flash(address)) return chip_->outside().flash.read(address, bytes, now);
  if (!chip_->machine().peek(address, bytes)) std::ranges::fill(bytes, std::uint8_t{0xff});
  return true;
}

void EmuBoard::write_ram(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  (void)chip_->machine().load(address, bytes);
}

EmuBoard::Time EmuBoard::erase_sector(std::uint32_t address, Time now) {
  InternalFlash& flash = chip_->outside().flash;
  flash.erase(address, now);
  flash_failed_ = flash.failed();
  return flash.busy_until();
}

EmuBoard::Time EmuBoard::program(std::uint32_t address, std::span<const std::uint8_t> bytes,
                                 Time now) {
  InternalFlash& flash = chip_->outside().flash;
  flash_failed_ = false;
  Time at = now;
  for (; bytes.size() >= InternalFlash::kWordSize;
       bytes = bytes.subspan(InternalFlash::kWordSize), address += InternalFlash::kWordSize) {
    flash.program(address, bytes.first<InternalFlash::kWordSize>(), at);
    at = flash.busy_until();
    flash_failed_ |= flash.failed();
  }
  return at;
}

// The ROM leaves its own vectors in force.
void EmuBoard::go(std::uint32_t address, Time now) {
  in_rom_ = false;
  now_ = now;
  chip_->machine().start(address, kRomVectors);
}

}  // namespace gangd::emu
