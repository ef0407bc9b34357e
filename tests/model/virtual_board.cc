#include "tests/model/virtual_board.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <utility>

#include "base/check.h"
#include "target_fw/core/device.h"
#include "target_fw/core/nor.h"
#include "tests/model/cpu_meter.h"
#include "tests/model/virtual_usb.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

constexpr Time kNever = Time::max();

// From power to the first instruction of main(): supply ramp and reset, roughly.
constexpr Time kPowerUp = 10ms;
// When a chip that does not answer is looked for again.
constexpr Time kFlashRetry = 500ms;

// What the device says that it runs: the host's code cannot be hashed as a chip's can.
constexpr std::array<std::uint8_t, 12> kProgram = {'v', 'i', 'r', 't', 'u', 'a',
                                                   'l', ' ', '1', '.', '0', '\0'};

constexpr std::uint32_t kFlashAddress = 0x90000000;

constexpr std::uint8_t kToHost = 0x80;
constexpr std::uint8_t kSetAddress = 5, kGetDescriptor = 6, kSetConfiguration = 9;
constexpr unsigned kDevice = 0x0100, kConfiguration = 0x0200, kString = 0x0300, kEnglish = 0x0409;
constexpr std::size_t kSerialIndexOffset = 16;  // of the device descriptor

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

std::array<std::uint8_t, 8> setup(std::uint8_t type, std::uint8_t request, unsigned value,
                                  unsigned index, std::size_t length) {
  const auto low = [](std::size_t number) { return static_cast<std::uint8_t>(number); };
  return {type,       request,         low(value),  low(value >> 8),
          low(index), low(index >> 8), low(length), low(length >> 8)};
}

}  // namespace

class VirtualBoard::Board {
 public:
  Board(VirtualBoard& facade, const Options& options);

  void plug(Time now);
  void unplug(Time now);
  void submit(Transfer& transfer, Time now);
  void cancel(Transfer& transfer, Time now);
  void bus_reset(Time now);
  Time advance(Time now);

  bool attached() const { return attached_; }
  NorChip& chip() { return chip_; }
  const std::string& serial() const { return serial_; }
  const std::vector<std::uint8_t>& device_descriptor() const { return device_descriptor_; }
  const std::vector<std::uint8_t>& configuration() const { return configuration_; }
  bool high_speed() const { return identity_.high_speed; }

 private:
  // What a host asks of a device that has appeared, one after another.
  enum class Greeting { kNone, kDevice, kAddress, kConfiguration, kSerial, kConfigure };

  struct Due {
    Time when;
    Transfer* transfer;
  };

  // An endpoint, or control, on a bus that takes time.
  struct Lane {
    Time prepared{};        // when, in its time, the firmware last did something to it
    Time across = kNever;   // when what is on the bus will be
    std::uint32_t packets;  // that are on the bus
    std::uint32_t bytes;
  };

  bool run_on_bus(const xspi_command& command);
  void begin_read(const xspi_command& command);
  bool end_read();
  void compute();
  void ask_bus(Time now);
  Lane* next_across();
  void arrive(Lane& lane);
  Time next_event();
  void pass();
  void start_firmware();
  void shown_changed(bool shown);
  void greet();
  void greeted();
  void ask(std::array<std::uint8_t, 8> setup_bytes);
  void completed(Transfer& transfer);
  void deliver(Time now);
  void lose_power(Time now);
  void attach();
  void detach();

  VirtualBoard& facade_;
  CpuMeter meter_;
  UsbBus* const wire_;
  NorChip chip_;
  clock_port clock_{};
  xspi_port bus_{};
  const bool enumerate_;
  device_identity identity_{};
  nor nor_{};
  device device_{};
  VirtualUsb usb_;

  bool powered_ = false;
  bool running_ = false;  // the firmware's main loop
  bool attached_ = false;
  Time power_on_{};
  Time time_{};         // where the firmware is; may be ahead of the world by one flash command
  Time wake_ = kNever;  // when it wants to run
  std::uint32_t clock_hz_ = 0;
  std::uint8_t* read_to_ = nullptr;  // of the read that was begun
  std::vector<std::uint8_t> read_bytes_;
  Time read_ends_{};
  std::map<std::uint8_t, Lane> lanes_;  // by address; control is 0
  bool arriving_ = false;               // what completes now does so at arrived_
  Time arrived_{};
  bool heard_ = false;           // something has arrived since the last pass
  std::deque<Due> due_;          // ended, in order of time, and not told yet
  std::vector<Transfer*> held_;  // given while the host greets

  Greeting greeting_ = Greeting::kNone;
  Transfer question_;
  std::vector<std::uint8_t> device_descriptor_;
  std::vector<std::uint8_t> configuration_;
  std::string serial_;
};

VirtualBoard::Board::Board(VirtualBoard& facade, const Options& options)
    : facade_(facade),
      meter_(cpu_of(options)),
      wire_(options.bus),
      chip_(part_of(options), options.seed),
      enumerate_(options.enumerate),
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
  bus_.begin_read = [](void* self, const xspi_command* command) {
    static_cast<Board*>(self)->begin_read(*command);
    return true;
  };
  bus_.end_read = [](void* self) { return static_cast<Board*>(self)->end_read(); };
  bus_.set_clock = [](void* self, std::uint32_t hz) { static_cast<Board*>(self)->clock_hz_ = hz; };
  identity_.usb_vendor = 0x1209;
  identity_.usb_product = 0x0001;
  identity_.usb_release = 0x0100;
  identity_.manufacturer = "gangd";
  identity_.product = "virtual board";
  identity_.program = kProgram.data();
  identity_.program_size = kProgram.size();
  std::copy(options.uid.begin(), options.uid.end(), identity_.uid);
  identity_.high_speed = options.high_speed;
  usb_.on_complete = [this](Transfer& transfer) { completed(transfer); };
  usb_.on_prepared = [this](std::uint8_t address) {
    compute();
    lanes_[address == kToHost ? 0 : address].prepared = time_;
  };
  usb_.on_shown = [this](bool shown) { shown_changed(shown); };
}

void VirtualBoard::Board::plug(Time now) {
  if (powered_) return;
  powered_ = true;
  power_on_ = now;
  chip_.power_on(now);
  wake_ = time_ = now + kPowerUp;
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
  if (greeting_ != Greeting::kNone) return held_.push_back(&transfer);
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
  usb_.cancel(transfer);
  deliver(now);
}

void VirtualBoard::Board::bus_reset(Time now) {
  if (!attached_) return;
  time_ = std::max(time_, now);
  lanes_.clear();
  if (enumerate_) return greet();
  usb_.bus_reset();
  wake_ = time_;
}

Time VirtualBoard::Board::advance(Time now) {
  deliver(now);
  ask_bus(now);
  while (true) {
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

// When there will be something to do.
Time VirtualBoard::Board::next_event() {
  Time next = powered_ ? wake_ : kNever;
  if (!due_.empty()) next = std::min(next, due_.front().when);
  if (wire_ == nullptr) return next;
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
  if (chip_.cut()) lose_power(time_);
}

void VirtualBoard::Board::start_firmware() {
  nor_config config{};
  config.clock = &clock_;
  config.bus = &bus_;
  config.name = "External Flash";
  config.address = kFlashAddress;
  config.mode_max = NOR_OCTAL_DTR;
  if (nor_start(&nor_, &config) != DFU_OK) {
    wake_ = time_ + kFlashRetry;
    return;
  }
  running_ = true;
  device_init(&device_, &identity_, &clock_, &usb_.port(), &nor_.memory, 1);
  wake_ = time_;
}

void VirtualBoard::Board::shown_changed(bool shown) {
  if (!shown) return detach();
  if (enumerate_) return greet();
  attach();
}

void VirtualBoard::Board::greet() {
  usb_.bus_reset();
  wake_ = time_;
  greeting_ = Greeting::kDevice;
  ask(setup(kToHost, kGetDescriptor, kDevice, 0, 18));
}

void VirtualBoard::Board::ask(std::array<std::uint8_t, 8> setup_bytes) {
  question_.setup = setup_bytes;
  const bool to_host = (setup_bytes[0] & kToHost) != 0;
  question_.data.assign(to_host ? setup_bytes[6] + setup_bytes[7] * 256u : 0, 0);
  question_.actual = 0;
  usb_.submit(question_);
  wake_ = time_;
}

// An answer to ask(). A device that refuses one is not shown to anybody.
void VirtualBoard::Board::greeted() {
  const Greeting answered = std::exchange(greeting_, Greeting::kNone);
  if (question_.outcome != Outcome::kDone) return;
  question_.data.resize(question_.actual);
  switch (answered) {
    case Greeting::kNone:
      return;
    case Greeting::kDevice:
      device_descriptor_ = question_.data;
      greeting_ = Greeting::kAddress;
      return ask(setup(0, kSetAddress, 5, 0, 0));
    case Greeting::kAddress:
      greeting_ = Greeting::kConfiguration;
      return ask(setup(kToHost, kGetDescriptor, kConfiguration, 0, 4096));
    case Greeting::kConfiguration:
      configuration_ = question_.data;
      greeting_ = Greeting::kSerial;
      return ask(setup(kToHost, kGetDescriptor, kString | device_descriptor_[kSerialIndexOffset],
                       kEnglish, 255));
    case Greeting::kSerial:
      serial_.clear();
      for (std::size_t i = 2; i + 1 < question_.data.size(); i += 2) {
        serial_ += static_cast<char>(question_.data[i]);
      }
      greeting_ = Greeting::kConfigure;
      return ask(setup(0, kSetConfiguration, 1, 0, 0));
    case Greeting::kConfigure:
      break;
  }
  attach();
  for (Transfer* transfer : std::exchange(held_, {})) usb_.submit(*transfer);
  wake_ = time_;
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
  if (powered_ && wire_ == nullptr) wake_ = time_;
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
  // The pull-up goes with the power.
  usb_.port().connect(usb_.port().self, false);
}

void VirtualBoard::Board::detach() {
  greeting_ = Greeting::kNone;
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
