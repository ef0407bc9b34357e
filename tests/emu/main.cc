// emu: runs firmware of an ARM chip on models of the chip, and says where it stopped.
#include <fmt/core.h>

#include <cstdio>
#include <functional>
#include <utility>

#include "base/check.h"
#include "tests/emu/chip_on_board.h"
#include "tests/emu/command_line.h"
#include "tests/emu/program.h"
#include "tests/rig/vrack/emu_rack_board.h"
#include "tests/rig/vrack/serve.h"

namespace gangd::emu {
namespace {

// Grows down from the end of DTCM, as a debugger's stack does.
constexpr std::uint32_t kCallStack = 0x20010000;

enum Exit { kOk = 0, kFailed = 1, kRefused = 2 };

class Run {
 public:
  explicit Run(const CommandLine& line) : line_(line) {}

  Result<int> run() {
    for (const CommandLine::Load& load : line_.loads) {
      TRY(Program program, Program::read(load.path, load.address));
      programs_.push_back(std::move(program));
    }
    if (!line_.usb.empty()) return serve();
    Machine::Options options;
    options.take_faults = line_.take_faults;
    options.name = [this](std::uint32_t address) { return name(address); };
    if (line_.trace) options.on_trace = print_trace;
    TRY(board_, ChipOnBoard::make(line_.board, std::move(options)));
    board_->power_on(Time{});
    machine_ = &board_->machine();
    TRY_STATUS(load());
    if (line_.until) {
      TRY(const std::uint32_t address, resolve(*line_.until));
      machine_->stop_at(address);
    }
    for (const CommandLine::Call& call : line_.calls) {
      TRY(const int status, run_call(call));
      if (status != kOk) return status;
    }
    return line_.boots == CommandLine::Boot::kNot ? kOk : boot();
  }

 private:
  Status load() {
    for (const Program& program : programs_) {
      // Who calls a function has no start-up code run.
      for (const Program::Blank& blank : program.blanks) {
        if (!line_.calls.empty()) TRY_STATUS(machine_->load(blank.address, ByteVector(blank.size)));
      }
      TRY_STATUS(board_->store(program));
    }
    return {};
  }

  std::string name(std::uint32_t address) const {
    for (const Program& program : programs_) {
      if (std::string found = program.name(address); !found.empty()) return found;
    }
    return "";
  }

  Result<std::uint32_t> resolve(const Place& place) const {
    if (const auto* address = std::get_if<std::uint32_t>(&place)) return *address;
    const std::string& wanted = std::get<std::string>(place);
    for (const Program& program : programs_) {
      const auto found = program.addresses.find(wanted);
      if (found != program.addresses.end()) return found->second;
    }
    return Error(Code::kNotFound, "no file that was loaded has a '{}'", wanted);
  }

  // Behind two connectors: that of the ROM and of the full-speed controller, and the other's.
  Result<int> serve() {
    EmuBoard::Options options;
    options.kind = line_.board;
    options.boots_rom = line_.boots == CommandLine::Boot::kRom;
    options.take_faults = line_.take_faults;
    options.time_max = line_.until_time.value_or(Time::max());
    if (line_.trace) options.on_trace = print_trace;
    if (line_.boots == CommandLine::Boot::kAt) {
      TRY(options.start_at, resolve(line_.boot));
    }
    rig::EmuRackBoard* first = nullptr;
    const auto make = [&](std::size_t, rig::RackBoard::Host& host) {
      return make_connector(options, first, host);
    };
    TRY(const int status, rig::serve({.socket = line_.usb,
                                      .control = line_.usb + ".control",
                                      .topology = "",
                                      .boards = 2,
                                      .speed = 1,
                                      .unplugged = false,
                                      .sysfs = false,
                                      .lend_end = [this](auto end) { end_ = std::move(end); }},
                                     make));
    return violated_ ? kFailed : status;
  }

  // Who serves is told, and what it says of violations stays.
  void watch(EmuBoard& board) {
    board.on_violation = [this, tell = board.on_violation](const std::string& violation) {
      violated_ = true;
      tell(violation);
      // Its time does not go on.
      if (line_.until_time) end_();
    };
    board.on_time_over = [this, &board] {
      if (!violated_) {
        Machine& machine = board.chip().machine();
        fmt::print("stopped: time is over, {}\n",
                   board.in_rom() ? "in the ROM's bootloader" : "at " + where(machine));
      }
      end_();
    };
  }

  std::unique_ptr<rig::RackBoard> make_connector(const EmuBoard::Options& options,
                                                 rig::EmuRackBoard*& first,
                                                 rig::RackBoard::Host& host) {
    if (first != nullptr) return std::make_unique<rig::EmuRackBoard>(*first, host);
    auto made = rig::EmuRackBoard::make(options, host);
    CHECK(made.has_value(), "{}", made.error().message());
    first = made->get();
    watch(first->board());
    for (const Program& program : programs_) {
      const Status stored = first->board().store(program);
      CHECK(stored.has_value(), "{}", stored.error().message());
    }
    return *std::move(made);
  }

  Result<int> run_call(const CommandLine::Call& call) {
    TRY(const std::uint32_t function, resolve(call.function));
    std::vector<std::uint32_t> arguments;
    for (const Place& argument : call.arguments) {
      TRY(const std::uint32_t value, resolve(argument));
      arguments.push_back(value);
    }
    machine_->call(function, arguments, kCallStack);
    return report(machine_->run(line_.until_time.value_or(Time::max())));
  }

  Result<int> boot() {
    std::uint32_t vectors = line_.board.chip->boot_address;
    if (line_.boots == CommandLine::Boot::kAt) {
      TRY(vectors, resolve(line_.boot));
    }
    machine_->start(vectors);
    return report(machine_->run(line_.until_time.value_or(Time::max())));
  }

  static void print_trace(const std::string& text) { fmt::print(stderr, "{}\n", text); }

  static std::string where(Machine& machine) {
    return fmt::format("{} after {:.6f} s and {} instructions",
                       machine.describe(machine.program_counter()),
                       static_cast<double>(machine.now().count()) / 1e9, machine.instructions());
  }

  int report(Machine::Stop stop) const {
    const std::string at = where(*machine_);
    switch (stop) {
      case Machine::Stop::kViolation:
        fmt::print("violation: {}", machine_->violation());
        return kFailed;
      case Machine::Stop::kReturned:
        fmt::print("returned {:#x}, at {}\n", machine_->result(), at);
        return kOk;
      case Machine::Stop::kTime:
        fmt::print("stopped: time is over, at {}\n", at);
        return kOk;
      case Machine::Stop::kUntil:
        fmt::print("stopped: reached {}\n", at);
        return kOk;
      case Machine::Stop::kAsleep:
        fmt::print("stopped: asleep, and nothing will wake it, at {}\n", at);
        return kOk;
      case Machine::Stop::kHalted:
      case Machine::Stop::kPowerLost:
        fmt::print("stopped: it does not run, at {}\n", at);
        return kFailed;
    }
    return kFailed;
  }

  const CommandLine& line_;
  std::vector<Program> programs_;
  std::unique_ptr<ChipOnBoard> board_;
  Machine* machine_ = nullptr;
  std::function<void()> end_;
  bool violated_ = false;
};

int main(int argc, char** argv) {
  const auto line = CommandLine::parse(argc, argv);
  auto status = line ? Run(*line).run() : Result<int>(line.error());
  if (status) return *status;
  fmt::print(stderr, "emu: {}\n", status.error().message());
  return kRefused;
}

}  // namespace
}  // namespace gangd::emu

int main(int argc, char** argv) {
  return gangd::emu::main(argc, argv);
}
