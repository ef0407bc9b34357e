#include "tests/model/virtual_board.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "target_fw/core/swap_pairs.h"
#include "tests/model/virtual_board_inside.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

constexpr Time kNever = Time::max();

// From power to the first instruction of main(): supply ramp and reset, roughly.
constexpr Time kPowerUp = 10ms;
// From the start out of the RAM to main(): the firmware stays away so long that every hub has seen
// the bootloader go.
constexpr Time kStartFromRam = std::chrono::milliseconds(DEVICE_AWAY_MS);
// The same after a reset; and a watchdog of the usual setting.
constexpr Time kReset = 1ms;
constexpr Time kWatchdog = 500ms;
// When a chip that does not answer is looked for again.
constexpr Time kFlashRetry = 500ms;

// What the device says that it runs: the host's code cannot be hashed as a chip's can.
constexpr std::array<std::uint8_t, 12> kProgram = {'v', 'i', 'r', 't', 'u', 'a',
                                                   'l', ' ', '1', '.', '0', '\0'};

constexpr std::uint8_t kToHost = 0x80;

const Cpu& cpu_of(const VirtualBoard::Options& options) {
  const Cpu* cpu = find_cpu(options.cpu);
  CHECK(cpu != nullptr, "there is no CPU {} in cpus.cc", options.cpu);
  return *cpu;
}

const Part& part_of(const VirtualBoard::Options& options) {
  const Part* part = find_part(options.part);
  CHECK(part != nullptr, "there is no part {} in parts.toml", options.part);
  return *part;
}

}  // namespace

VirtualBoard::Board::Board(VirtualBoard& facade, const Options& options)
    : facade_(facade),
      meter_(cpu_of(options)),
      wire_(options.bus),
      chip_(part_of(options), options.seed),
      flash_address_(options.flash_address),
      boot_hz_(options.boot_hz),
      enumerate_(options.enumerate),
      board_name_(options.board),
      usb_(device_.usb, options.high_speed) {
  clock_.self = this;
  clock_.now_us = [](void* self) {
    auto& board = *static_cast<Board*>(self);
    board.compute();
    return static_cast<std::uint32_t>((board.time_ - board.power_on_) / 1us);
  };
  bus_.self = this;
  bus_.lanes_max = options.lanes;
  bus_.dual = part_of(options).dies == 2;
  bus_.run = [](void* self, const xspi_command* command) {
    return static_cast<Board*>(self)->run_on_bus(*command);
  };
  if (meter_.cpu().reads_by_dma) {
    bus_.begin_read = [](void* self, const xspi_command* command) {
      static_cast<Board*>(self)->begin_read(*command);
      return true;
    };
    bus_.end_read = [](void* self) { return static_cast<Board*>(self)->end_read(); };
  }
  bus_.read_mapped = [](void* self, const xspi_map* map, std::uint32_t address, std::uint8_t* bytes,
                        std::uint32_t size) {
    return static_cast<Board*>(self)->read_mapped(*map, address, {bytes, size});
  };
  bus_.set_clock = [](void* self, std::uint32_t hz) { static_cast<Board*>(self)->clock_hz_ = hz; };
  identity_.usb_vendor = 0x1209;
  identity_.usb_product = 0x0001;
  identity_.usb_release = 0x0100;
  identity_.manufacturer = "gangd";
  identity_.product = "virtual board";
  identity_.program = kProgram.data();
  identity_.program_size = kProgram.size();
  identity_.chip = options.chip;
  identity_.board = board_name_.c_str();
  std::copy(options.uid.begin(), options.uid.end(), identity_.uid);
  identity_.high_speed = options.high_speed;
  usb_.on_complete = [this](Transfer& transfer) { completed(transfer); };
  usb_.on_prepared = [this](std::uint8_t address) {
    compute();
    lanes_[address == kToHost ? 0 : address].prepared = time_;
  };
  usb_.on_shown = [this](bool shown) {
    // On a chip the jump into the application, or a reset, does not return.
    if (shown && (is_staged() || !running_)) return;
    shown_changed(shown);
  };
  if (options.stages) add_stages(options);
  if (options.resident) add_resident(options);
}

void VirtualBoard::Board::add_stages(const Options& options) {
  const BootStages::Mapped mapped = {chip_, flash_address_, part_of(options).size};
  stages_ = std::make_unique<BootStages>(*options.stages, options.seed, mapped);
  stages_->on_complete = [this](Transfer& transfer) { completed(transfer); };
  stages_->on_shown = [this](bool shown) { shown_changed(shown); };
  stages_->on_firmware = [this](Time now) { start_from_ram(now); };
  internal_ = std::make_unique<InternalMemory>(stages_->flash(), InternalFlash::kAddress,
                                               InternalFlash::kSize, [this] {
                                                 compute();
                                                 return time_;
                                               });
  set_leave();
}

void VirtualBoard::Board::set_leave() {
  leave_.self = this;
  leave_.check = [](void* self, std::uint32_t address) {
    return static_cast<Board*>(self)->stages_->check(address);
  };
  leave_.jump = [](void* self, std::uint32_t address) {
    auto& board = *static_cast<Board*>(self);
    board.running_ = false;
    board.stages_->start_application(address, board.time_);
  };
  identity_.leave = &leave_;
}

void VirtualBoard::Board::add_resident(const Options& options) {
  CHECK(stages_ == nullptr, "a board starts in its ROM or in its resident loader");
  const auto now = [this] {
    compute();
    return time_;
  };
  const auto wait_until = [this](Time until) { time_ = std::max(time_, until); };
  resident_ =
      std::make_unique<ResidentLoader>(*options.resident, options.seed, nor_.memory,
                                       board_name_.c_str(), ResidentLoader::Clock{now, wait_until});
  internal_ = std::make_unique<InternalMemory>(resident_->flash(), ResidentLoader::kOffered,
                                               ResidentLoader::kOfferedSize, now);
  set_resident_leave();
}

// The loader leaves by a reset, and the next start decides.
void VirtualBoard::Board::set_resident_leave() {
  leave_.self = this;
  leave_.check = [](void* self, std::uint32_t) {
    return static_cast<Board*>(self)->resident_->check();
  };
  leave_.jump = [](void* self, std::uint32_t) {
    auto& board = *static_cast<Board*>(self);
    board.resident_->forget_faults();
    board.reset_chip(BOOT_BY_RESTART, board.time_);
  };
  voucher_.self = this;
  voucher_.find = [](void* self, std::uint32_t address, std::uint32_t size, std::uint32_t* header) {
    ResidentLoader& loader = *static_cast<Board*>(self)->resident_;
    *header = loader.header_address();
    return loader.vouches(address, size);
  };
  leave_.voucher = &voucher_;
  identity_.leave = &leave_;
}

// The external flash is not reset with it, and is found in whatever mode it is.
void VirtualBoard::Board::reset_chip(boot_cause cause, Time back_at) {
  running_ = false;
  resident_->reset(cause);
  wake_ = back_at + kReset;
}

// Whether the resident loader has started one; what it does then is no more of this board's.
bool VirtualBoard::Board::starts_application() {
  if (resident_ == nullptr) return false;
  usb_.port().connect(usb_.port().self, false);  // as a reset leaves the controller
  if (!resident_->starts_application()) return false;
  nor_release(&nor_);
  if (resident_->applications_fault()) {
    reset_chip(BOOT_BY_FAULT, time_ + kWatchdog);
  }
  return true;
}

bool VirtualBoard::Board::lost_power() const {
  return chip_.cut() || (stages_ != nullptr && stages_->flash().cut()) ||
         (resident_ != nullptr && resident_->flash().cut());
}

void VirtualBoard::Board::plug(Time now) {
  if (powered_) return;
  powered_ = true;
  power_on_ = now;
  chip_.power_on(now);
  time_ = now;
  if (stages_ != nullptr) return stages_->power_on(now);
  if (resident_ != nullptr) resident_->power_on(now);
  wake_ = time_ = now + kPowerUp;
}

void VirtualBoard::Board::start_from_ram(Time now) {
  identity_.program = stages_->program().data();
  identity_.program_size = static_cast<std::uint32_t>(stages_->program().size());
  identity_.start_nonce = stages_->nonce() ? stages_->nonce()->data() : nullptr;
  wake_ = time_ = now + kStartFromRam;
}

void VirtualBoard::Board::unplug(Time now) {
  if (powered_) lose_power(now);
}

void VirtualBoard::Board::submit(Transfer& transfer, Time now) {
  transfer.actual = 0;
  if (!attached_) {
    transfer.outcome = Outcome::kUnplugged;
    return facade_.on_complete(transfer);
  }
  if (greeter_.is_greeting()) return held_.push_back(&transfer);
  hand_over(transfer, now);
}

// To what answers on the bus now.
void VirtualBoard::Board::hand_over(Transfer& transfer, Time now) {
  if (is_staged()) return stages_->submit(transfer, now);
  if (wire_ != nullptr) return usb_.submit(transfer);
  time_ = std::max(time_, now);
  usb_.submit(transfer);
  wake_ = time_;
}

void VirtualBoard::Board::cancel(Transfer& transfer, Time now) {
  if (std::erase(held_, &transfer) > 0) {
    transfer.outcome = Outcome::kCancelled;
    return facade_.on_complete(transfer);
  }
  time_ = std::max(time_, now);
  if (is_staged()) {
    stages_->cancel(transfer);
  } else {
    usb_.cancel(transfer);
  }
  deliver(now);
}

void VirtualBoard::Board::bus_reset(Time now) {
  if (!attached_) return;
  time_ = std::max(time_, now);
  lanes_.clear();
  if (enumerate_) return greet();
  if (is_staged()) return stages_->bus_reset();
  usb_.bus_reset();
  wake_ = time_;
}

Time VirtualBoard::Board::advance(Time now) {
  deliver(now);
  const Time staged = run_stages(now);
  if (is_staged()) return std::min(staged, next_event());
  ask_bus(now);
  while (true) {
    if (is_staged()) return std::min(run_stages(now), next_event());
    Lane* lane = next_across();
    const bool runs_first = powered_ && (lane == nullptr || wake_ < lane->across);
    if ((runs_first ? wake_ : lane == nullptr ? kNever : lane->across) > now) return next_event();
    if (runs_first) {
      time_ = std::max(time_, wake_);
      pass();
    } else {
      arrive(*lane);
    }
    deliver(now);
    ask_bus(now);
  }
}

// The bootloader and the application have no time of their own: they are where the world is.
Time VirtualBoard::Board::run_stages(Time now) {
  Time next = kNever;
  while (is_staged() && powered_) {
    time_ = std::max(time_, now);
    next = stages_->advance(now);
    if (stages_->flash().cut()) lose_power(now);
    // Who is told of an end may ask the next thing at once.
    const bool tells = !due_.empty() && due_.front().when <= now;
    deliver(now);
    if (next > now && !tells) return next;
  }
  return next;
}

// When there will be something to do.
Time VirtualBoard::Board::next_event() {
  Time next = powered_ && !is_staged() ? wake_ : kNever;
  if (!due_.empty()) next = std::min(next, due_.front().when);
  if (wire_ == nullptr || is_staged()) return next;
  for (const std::uint8_t address : usb_.wanted()) {
    const Lane& lane = lanes_[address];
    if (lane.across != kNever) {
      next = std::min(next, lane.across);
    } else if (usb_.ready(address, 1).packets > 0) {
      next = std::min(next, lane.prepared);  // in the firmware's time, which is ahead
    }
  }
  return next;
}

// What both sides are ready for gets its place on the bus.
void VirtualBoard::Board::ask_bus(Time now) {
  if (wire_ == nullptr) return;
  for (const std::uint8_t address : usb_.wanted()) {
    Lane& lane = lanes_[address];
    if (lane.across != kNever || lane.prepared > now) continue;
    const VirtualUsb::Ready ready = usb_.ready(address, wire_->batch_max());
    if (ready.packets == 0) continue;
    lane.packets = ready.packets;
    lane.bytes = ready.bytes;
    lane.across = wire_->carry(now, ready.packets, ready.bytes);
  }
}

VirtualBoard::Board::Lane* VirtualBoard::Board::next_across() {
  Lane* first = nullptr;
  for (auto& [address, lane] : lanes_) {
    if (lane.across != kNever && (first == nullptr || lane.across < first->across)) first = &lane;
  }
  return first;
}

// The controller interrupts whatever the CPU does.
void VirtualBoard::Board::arrive(Lane& lane) {
  const auto found =
      std::ranges::find_if(lanes_, [&](auto& entry) { return &entry.second == &lane; });
  const std::uint8_t address = found->first;
  const std::uint32_t packets = lane.packets;
  arrived_ = std::exchange(lane.across, kNever);
  time_ = std::max(time_, arrived_);
  const Cpu& cpu = meter_.cpu();
  const bool has_dma = cpu.usb_byte == 0;
  meter_.add(cpu.interrupt * (has_dma ? 1 : packets) + cpu.usb_byte * lane.bytes);
  compute();
  arriving_ = heard_ = true;
  for (std::uint32_t i = 0; i < packets && usb_.step_at(address); ++i) continue;
  arriving_ = false;
  wake_ = std::min(wake_, time_);
}

// What the CPU has worked out has taken its time.
void VirtualBoard::Board::compute() {
  time_ += meter_.take();
}

bool VirtualBoard::Board::run_on_bus(const xspi_command& command) {
  // The CPU sets up each command, also on a bus where nothing answers any more: time must pass
  // there, too, or the firmware would wait for ever.
  const Cpu& cpu = meter_.cpu();
  meter_.add(cpu.command);
  compute();
  time_ +=
      std::max<Time>(chip_.run(command, time_, clock_hz_), cpu.time(cpu.flash_byte * command.size));
  return !chip_.cut();
}

// By DMA: the CPU goes on, and must not look at the bytes yet.
void VirtualBoard::Board::begin_read(const xspi_command& command) {
  meter_.add(meter_.cpu().command);
  compute();
  read_to_ = command.read;
  read_bytes_.resize(command.size);
  std::memset(read_to_, 0xdb, command.size);
  xspi_command aside = command;
  aside.read = read_bytes_.data();
  read_ends_ = time_ + chip_.run(aside, time_, clock_hz_);
}

bool VirtualBoard::Board::end_read() {
  compute();
  std::ranges::copy(read_bytes_, read_to_);
  time_ = std::max(time_, read_ends_);
  return !chip_.cut();
}

// Two bytes at a time, at even addresses: what lies beside is read, too.
bool VirtualBoard::Board::read_mapped(const xspi_map& map, std::uint32_t address,
                                      std::span<std::uint8_t> bytes) {
  const std::uint32_t before = address % 2;
  std::vector<std::uint8_t> pairs((before + bytes.size() + 1) / 2 * 2);
  xspi_command command = map.read;
  command.address = address - before;
  command.read = pairs.data();
  command.size = static_cast<std::uint32_t>(pairs.size());
  const std::uint32_t hz = std::exchange(clock_hz_, map.hz_max);
  const bool went_well = run_on_bus(command);
  clock_hz_ = hz;
  if (map.swapped) swap_pairs(pairs.data(), pairs.data(), command.size);
  std::copy_n(pairs.begin() + before, bytes.size(), bytes.begin());
  return went_well;
}

// Once through the firmware's main loop, and what a cable without a time carries meanwhile.
void VirtualBoard::Board::pass() {
  const CpuMeter::Running running(meter_);
  wake_ = kNever;
  if (running_) {
    bool again = std::exchange(heard_, false);
    if (wire_ == nullptr) again |= usb_.step();
    const std::uint32_t wait_us = device_poll(&device_);
    meter_.add(meter_.cpu().pass);
    compute();
    if (wire_ == nullptr) again |= usb_.step();
    if (again) wake_ = time_;
    if (wait_us != UINT32_MAX) wake_ = std::min(wake_, time_ + wait_us * 1us);
  } else {
    start_firmware();
  }
  if (lost_power()) lose_power(time_);
}

void VirtualBoard::Board::start_firmware() {
  nor_config config{};
  config.clock = &clock_;
  config.bus = &bus_;
  config.name = "External Flash";
  config.address = flash_address_;
  config.mode_max = NOR_OCTAL_DTR;
  config.boot_hz = boot_hz_;
  if (nor_start(&nor_, &config) != DFU_OK) {
    wake_ = time_ + kFlashRetry;
    return;
  }
  if (starts_application()) return;
  running_ = true;
  memories_ = {nor_.memory};
  if (internal_ != nullptr) {
    internal_->restart();
    memories_.insert(memories_.begin(), internal_->as_memory());
  }
  if (resident_ != nullptr && resident_->hides()) {
    for (memory& each : memories_) each.readable = false;
  }
  device_init(&device_, &identity_, &clock_, &usb_.port(), memories_.data(),
              static_cast<std::uint8_t>(memories_.size()));
  wake_ = time_;
}

void VirtualBoard::Board::shown_changed(bool shown) {
  if (!shown) return detach();
  if (enumerate_) return greet();
  attach();
}

void VirtualBoard::Board::greet() {
  if (is_staged()) {
    stages_->bus_reset();
  } else {
    usb_.bus_reset();
    wake_ = time_;
  }
  greeter_.begin(question_);
  ask();
}

void VirtualBoard::Board::ask() {
  hand_over(question_, time_);
  if (!is_staged()) wake_ = time_;
}

void VirtualBoard::Board::greeted() {
  switch (greeter_.answered(question_)) {
    case Greeter::Next::kAsk:
      return ask();
    case Greeter::Next::kRefused:
      return;
    case Greeter::Next::kGreeted:
      break;
  }
  attach();
  for (Transfer* transfer : std::exchange(held_, {})) hand_over(*transfer, time_);
  if (!is_staged()) wake_ = time_;
}

void VirtualBoard::Board::attach() {
  const bool was_attached = std::exchange(attached_, true);
  if (!was_attached && facade_.on_attach) facade_.on_attach(true);
}

// The next one of the endpoint's queue can begin.
void VirtualBoard::Board::completed(Transfer& transfer) {
  const Time when = arriving_ ? arrived_ : time_;
  const auto later = std::ranges::upper_bound(due_, when, {}, &Due::when);
  due_.insert(later, {when, &transfer});
  if (powered_ && wire_ == nullptr && !is_staged()) wake_ = time_;
}

void VirtualBoard::Board::deliver(Time now) {
  while (!due_.empty() && due_.front().when <= now) {
    Transfer& transfer = *due_.front().transfer;
    due_.pop_front();
    if (&transfer == &question_) {
      greeted();
    } else {
      facade_.on_complete(transfer);
    }
  }
}

void VirtualBoard::Board::lose_power(Time now) {
  powered_ = running_ = false;
  wake_ = kNever;
  chip_.power_off(now);
  if (stages_ != nullptr) stages_->power_off(now);
  if (resident_ != nullptr) resident_->power_off(now);
  // The pull-up goes with the power.
  usb_.port().connect(usb_.port().self, false);
}

void VirtualBoard::Board::detach() {
  greeter_.stop();
  lanes_.clear();
  for (Transfer* transfer : std::exchange(held_, {})) due_.push_back({time_, transfer});
  // What had ended in the firmware's time, and not in the world's, never reached the host.
  for (const Due& due : std::exchange(due_, {})) {
    if (due.transfer == &question_) continue;
    due.transfer->outcome = Outcome::kUnplugged;
    due.transfer->actual = 0;
    facade_.on_complete(*due.transfer);
  }
  if (std::exchange(attached_, false) && facade_.on_attach) facade_.on_attach(false);
}

VirtualBoard::VirtualBoard(const Options& options)
    : board_(std::make_unique<Board>(*this, options)) {}
VirtualBoard::~VirtualBoard() = default;

void VirtualBoard::plug(Time now) {
  board_->plug(now);
}
void VirtualBoard::unplug(Time now) {
  board_->unplug(now);
}
bool VirtualBoard::attached() const {
  return board_->attached();
}
void VirtualBoard::submit(Transfer& transfer, Time now) {
  board_->submit(transfer, now);
}
void VirtualBoard::cancel(Transfer& transfer, Time now) {
  board_->cancel(transfer, now);
}
void VirtualBoard::bus_reset(Time now) {
  board_->bus_reset(now);
}
Time VirtualBoard::advance(Time now) {
  return board_->advance(now);
}
NorChip& VirtualBoard::chip() {
  return board_->chip();
}
bool VirtualBoard::has_stages() const {
  return board_->stages() != nullptr;
}
BootStages& VirtualBoard::stages() {
  CHECK(board_->stages() != nullptr, "the board starts with its firmware");
  return *board_->stages();
}
ResidentLoader& VirtualBoard::resident() {
  CHECK(board_->resident() != nullptr, "the board has no resident loader");
  return *board_->resident();
}
bool VirtualBoard::at_second_port() const {
  return board_->at_second_port();
}
std::string VirtualBoard::serial() const {
  return board_->serial();
}
bool VirtualBoard::high_speed() const {
  return board_->high_speed();
}
std::vector<std::uint8_t> VirtualBoard::device_descriptor() const {
  return board_->device_descriptor();
}
std::vector<std::uint8_t> VirtualBoard::configuration_descriptor() const {
  return board_->configuration();
}

}  // namespace gangd::model
