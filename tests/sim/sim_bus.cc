#include "tests/sim/sim_bus.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "base/check.h"
#include "loop/sleep.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;
using model::VirtualBoard;

// libusb's and the kernel's own part of a transfer, roughly.
constexpr Duration kTransferOverhead = 20us;
// The same on a bus that has a time, where the host controller's frame of 125 us counts: it looks
// for what is new, and tells what has ended, now and then within it.
constexpr Duration kTransferOverheadOnBus = 125us;

constexpr std::uint8_t kSetInterface = 11;
constexpr std::uint8_t kClearFeature = 1;

}  // namespace

// A place for a board, and the board that is in it.
class SimBus::Seat final : public Event {
 public:
  Seat(SimBus& bus, UsbPath path, std::optional<UsbPath> second,
       const VirtualBoard::Options& options);
  ~Seat() override {
    bus_.port_.withdraw(*this);
    bus_.port_.withdraw(greeting_);
  }

  const UsbPath& path() const { return path_; }
  // Where a device that comes of it now is seen.
  const UsbPath& seen_at() const {
    if (diverted_) return *diverted_;
    return second_ && board_.at_second_port() ? *second_ : path_;
  }
  bool has(const UsbPath& port) const { return port == path_ || port == second_; }
  // The board runs as long as one of its ports gives it power.
  void power(const UsbPath& port, bool on) {
    const std::size_t ports = second_ ? 2 : 1;
    const bool ran = dark_.size() < ports;
    if (on) {
      dark_.erase(port);
    } else {
      dark_.insert(port);
    }
    const bool runs = dark_.size() < ports;
    if (ran && !runs) board_.unplug(now());
    if (!ran && runs) board_.plug(now());
    run();
  }
  void divert(std::optional<UsbPath> other) { diverted_ = std::move(other); }
  void swap_cables(Seat& other) {
    std::swap(path_, other.path_);
    std::swap(second_, other.second_);
    std::swap(hanging_, other.hanging_);  // these are of the place, too
    std::swap(diverted_, other.diverted_);
    std::swap(dark_, other.dark_);
  }
  VirtualBoard& board() { return board_; }
  bool has_time() const { return has_time_; }
  const std::optional<UsbDevice>& device() const { return device_; }
  void show(UsbDevice device) { device_ = std::move(device); }
  void hide();

  // Lets the firmware run, and comes back when it wants to again.
  void run() {
    const model::Time next = board_.advance(now());
    if (next == scheduled_) return;
    if (scheduled_ != model::Time::max()) bus_.port_.withdraw(*this);
    scheduled_ = next;
    if (next != model::Time::max()) bus_.port_.schedule(*this, Instant(next));
  }
  model::Time now() const { return bus_.port_.now().time_since_epoch(); }

  void submit(Transfer& transfer);
  void cancel(Transfer& transfer);

  std::map<std::uint8_t, const Connection*>& claims() { return claims_; }
  std::set<std::uint8_t>& halted() { return halted_; }
  std::set<std::uint8_t>& hanging() { return hanging_; }

 private:
  // The kernel takes a while to greet a device that has appeared.
  struct Greeting final : Event {
    explicit Greeting(Seat& owner) : seat(owner) {}
    void on_loop() override {
      if (seat.board_.attached()) seat.bus_.appear(seat);
    }
    std::string_view event_name() const override { return "greeting"; }
    Seat& seat;
  };

  void on_loop() override {
    scheduled_ = model::Time::max();
    run();
  }
  std::string_view event_name() const override { return "board"; }
  void attach_changed(bool attached) {
    bus_.port_.withdraw(greeting_);
    if (attached) {
      bus_.port_.schedule(greeting_, bus_.port_.now() + bus_.prng_.between(50ms, 400ms));
    } else if (device_) {
      bus_.vanish(*this);
    }
  }

  SimBus& bus_;
  UsbPath path_;
  std::optional<UsbPath> second_;
  std::optional<UsbPath> diverted_;
  std::set<UsbPath> dark_;  // of both, those whose power is switched off
  const bool has_time_;
  VirtualBoard board_;
  model::Time scheduled_ = model::Time::max();
  Greeting greeting_;
  std::optional<UsbDevice> device_;
  std::map<std::uint8_t, const Connection*> claims_;
  std::set<std::uint8_t> halted_;
  std::set<std::uint8_t> hanging_;
  std::vector<Transfer*> unanswered_;  // on endpoints that hang
};

// One transfer: the board has it from start() until it is completed; its end reaches the loop a
// little later, as through the kernel.
class SimBus::Transfer : public Leaf, public Event {
 public:
  using Outcome = VirtualBoard::Outcome;

  Transfer(SimBus& bus, std::uint64_t arrival, std::uint8_t endpoint,
           std::array<std::uint8_t, 8> setup, ByteVector data)
      : bus_(bus), arrival_(arrival) {
    on_wire.owner = this;
    on_wire.endpoint = endpoint;
    on_wire.setup = setup;
    on_wire.data = std::move(data);
  }
  ~Transfer() override { bus_.port_.withdraw(*this); }

  Result<ByteVector> await_resume() {
    if (refused()) return cancelled();
    if (failure_) return *std::move(failure_);
    on_wire.data.resize(std::min<std::size_t>(on_wire.actual, on_wire.data.size()));
    return std::move(on_wire.data);
  }

  void completed(Outcome outcome) {
    on_wire.outcome = outcome;
    lent(false);
    ended_ = true;
    const Seat* seat = bus_.seat_of(arrival_);
    const Duration longest =
        seat != nullptr && seat->has_time() ? kTransferOverheadOnBus : kTransferOverhead;
    bus_.port_.schedule(*this, bus_.port_.now() + bus_.prng_.between(1us, longest));
  }

  // What the board sees, and the way back from it.
  struct OnWire : VirtualBoard::Transfer {
    SimBus::Transfer* owner = nullptr;
  };
  OnWire on_wire;

 private:
  bool start() override {
    Seat* seat = bus_.seat_of(arrival_);
    if (seat == nullptr) return fail(Error(Code::kUnplugged, "unplugged"));
    if (bus_.bytes_in_flight_ + on_wire.data.size() > bus_.kernel_bytes_) {
      return fail(Error(Code::kExhausted, "the kernel lends no more memory"));
    }
    lent(true);
    seat->submit(*this);
    return true;
  }
  bool fail(Error error) {
    failure_ = std::move(error);
    return false;
  }
  void abort() override {
    if (ended_) return;
    if (Seat* seat = bus_.seat_of(arrival_)) seat->cancel(*this);
  }
  void on_loop() override {
    failure_ = failure_of(on_wire.outcome);
    resolve();
  }
  std::string_view event_name() const override { return "transfer"; }

  static std::optional<Error> failure_of(Outcome outcome) {
    switch (outcome) {
      case Outcome::kDone:
        return {};
      case Outcome::kStalled:
        return Error(Code::kStalled, "stalled");
      case Outcome::kUnplugged:
        return Error(Code::kUnplugged, "unplugged");
      case Outcome::kCancelled:
        return cancelled();
      case Outcome::kOverflow:
        return Error(Code::kDevice, "the device sent more than was asked");
    }
    return Error(Code::kTransfer, "the transfer failed on the bus");
  }
  void lent(bool to_kernel) {
    if (to_kernel) {
      bus_.bytes_in_flight_ += on_wire.data.size();
    } else {
      bus_.bytes_in_flight_ -= on_wire.data.size();
    }
  }

  SimBus& bus_;
  const std::uint64_t arrival_;
  std::optional<Error> failure_;
  bool ended_ = false;
};

SimBus::Seat::Seat(SimBus& bus, UsbPath path, std::optional<UsbPath> second,
                   const VirtualBoard::Options& options)
    : bus_(bus),
      path_(std::move(path)),
      second_(std::move(second)),
      has_time_(options.bus != nullptr),
      board_(options),
      greeting_(*this) {
  board_.on_attach = [this](bool attached) { attach_changed(attached); };
  board_.on_complete = [](VirtualBoard::Transfer& transfer) {
    static_cast<Transfer::OnWire&>(transfer).owner->completed(transfer.outcome);
  };
}

void SimBus::Seat::hide() {
  device_.reset();
  claims_.clear();
  halted_.clear();
  for (Transfer* transfer : std::exchange(unanswered_, {})) {
    transfer->completed(VirtualBoard::Outcome::kUnplugged);
  }
}

void SimBus::Seat::submit(Transfer& transfer) {
  const std::uint8_t endpoint = transfer.on_wire.endpoint;
  if (halted_.contains(endpoint)) {
    // Endpoint 0 refuses once: the next SETUP ends its halt.
    if (endpoint == 0) halted_.erase(endpoint);
    return transfer.completed(VirtualBoard::Outcome::kStalled);
  }
  if (hanging_.contains(endpoint)) return unanswered_.push_back(&transfer);
  board_.submit(transfer.on_wire, now());
  run();
}

void SimBus::Seat::cancel(Transfer& transfer) {
  if (std::erase(unanswered_, &transfer) > 0) {
    return transfer.completed(VirtualBoard::Outcome::kCancelled);
  }
  board_.cancel(transfer.on_wire, now());
  run();
}

class SimBus::Connection final : public UsbConnection {
 public:
  Connection(SimBus& bus, UsbDevice device, ByteVector configuration)
      : bus_(bus), device_(std::move(device)), configuration_(std::move(configuration)) {}
  ~Connection() override {
    if (Seat* seat = bus_.seat_of(device_.arrival)) {
      std::erase_if(seat->claims(), [this](const auto& claim) { return claim.second == this; });
    }
  }

  const UsbDevice& device() const override { return device_; }
  const ByteVector& configuration() const override { return configuration_; }

  Task<Status> claim(std::uint8_t interface) override {
    CO_TRY_STATUS(co_await blocking_call());
    Seat* seat = bus_.seat_of(device_.arrival);
    if (seat == nullptr) co_return Error(Code::kUnplugged, "interface {}: unplugged", interface);
    const auto [claim, is_new] = seat->claims().try_emplace(interface, this);
    if (!is_new && claim->second != this) {
      co_return Error(Code::kBusy, "interface {}: another program holds it", interface);
    }
    co_return Status();
  }

  Task<Status> select(std::uint8_t interface, std::uint8_t alternate) override {
    return control_out({0x01, kSetInterface, alternate, interface}, {});
  }

  Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) override {
    CHECK(bytes_max <= kControlBytesMax && (request.type & 0x80) != 0);
    co_return co_await lent(TransferBudget::Way::kOther, 0, setup(request, bytes_max),
                            ByteVector(bytes_max));
  }

  Task<Status> control_out(UsbRequest request, ByteVector bytes) override {
    CHECK(bytes.size() <= kControlBytesMax && (request.type & 0x80) == 0);
    const auto setup_bytes = setup(request, bytes.size());
    CO_TRY(const ByteVector sent,
           co_await lent(TransferBudget::Way::kOther, 0, setup_bytes, std::move(bytes)));
    (void)sent;
    co_return Status();
  }

  Task<Result<ByteVector>> bulk_in(std::uint8_t endpoint, std::size_t bytes_max) override {
    CHECK((endpoint & 0x80) != 0);
    co_return co_await bulk(endpoint, ByteVector(bytes_max));
  }

  Task<Status> bulk_out(std::uint8_t endpoint, ByteVector bytes) override {
    CHECK((endpoint & 0x80) == 0 && endpoint != 0);
    const std::size_t size = bytes.size();
    CO_TRY(const ByteVector sent, co_await bulk(endpoint, std::move(bytes)));
    if (sent.size() != size) {
      co_return Error(Code::kTransfer, "{} of {} bytes were sent", sent.size(), size);
    }
    co_return Status();
  }

  Task<Status> clear_halt(std::uint8_t endpoint) override {
    if (Seat* seat = bus_.seat_of(device_.arrival)) seat->halted().erase(endpoint);
    return control_out({0x02, kClearFeature, 0, endpoint}, {});
  }

  Task<Status> reset() override {
    CO_TRY_STATUS(co_await blocking_call());
    Seat* seat = bus_.seat_of(device_.arrival);
    if (seat == nullptr) co_return Error(Code::kUnplugged, "reset: it has gone");
    seat->halted().clear();
    seat->board().bus_reset(seat->now());
    seat->run();
    co_return Status();
  }

 private:
  // What libusb does in the kernel takes its time, on a worker.
  Task<Status> blocking_call() { co_return co_await sleep_for(bus_.prng_.between(10us, 2ms)); }

  Task<Result<ByteVector>> lent(TransferBudget::Way way, std::uint8_t endpoint,
                                std::array<std::uint8_t, 8> setup, ByteVector data) {
    CO_TRY(const TransferBudget::Loan loan,
           co_await bus_.budget_.borrow(device_.arrival, way, data.size()));
    co_return co_await Transfer(bus_, device_.arrival, endpoint, setup, std::move(data));
  }

  // Linux looks for the endpoint before it lends anything.
  Task<Result<ByteVector>> bulk(std::uint8_t endpoint, ByteVector data) {
    if (!has_endpoint(endpoint)) {
      co_return Error(Code::kTransfer, "endpoint 0x{:02x}: there is no such thing", endpoint);
    }
    const auto way =
        (endpoint & 0x80) != 0 ? TransferBudget::Way::kIn : TransferBudget::Way::kOther;
    co_return co_await lent(way, endpoint, {}, std::move(data));
  }

  bool has_endpoint(std::uint8_t endpoint) const {
    constexpr std::uint8_t kEndpointDescriptor = 5;
    ByteReader reader(configuration_);
    while (reader.left() > 0) {
      const std::uint8_t size = reader.u8();
      const std::uint8_t type = reader.u8();
      const ByteView body = size >= 2 ? reader.bytes(size - 2u) : ByteView();
      if (!reader.complete() || size < 2) return false;
      if (type == kEndpointDescriptor && !body.empty() && body[0] == endpoint) return true;
    }
    return false;
  }

  static std::array<std::uint8_t, 8> setup(UsbRequest request, std::size_t size) {
    const auto low = [](std::size_t value) { return static_cast<std::uint8_t>(value); };
    return {
        request.type,       request.request,          low(request.value), low(request.value >> 8u),
        low(request.index), low(request.index >> 8u), low(size),          low(size >> 8u)};
  }

  SimBus& bus_;
  const UsbDevice device_;
  const ByteVector configuration_;
};

SimBus::SimBus(SimPort& port, std::uint64_t seed, std::uint64_t kernel_bytes)
    : port_(port), prng_(seed), kernel_bytes_(kernel_bytes), budget_(kernel_bytes) {}

SimBus::~SimBus() {
  CHECK(bytes_in_flight_ == 0, "{} bytes are lent still", bytes_in_flight_);
}

Task<Status> SimBus::changed(std::uint64_t seen) {
  while (revision_ == seen) CO_TRY_STATUS(co_await changes_.wait());
  co_return Status();
}

Task<Result<std::unique_ptr<UsbConnection>>> SimBus::open(std::uint64_t arrival) {
  CO_TRY_STATUS(co_await sleep_for(prng_.between(10us, 2ms)));
  Seat* seat = seat_of(arrival);
  if (seat == nullptr) co_return Error(Code::kUnplugged, "it has been unplugged");
  co_return std::make_unique<Connection>(*this, *seat->device(),
                                         seat->board().configuration_descriptor());
}

Task<Status> SimBus::set_port_power(UsbPath port, bool on) {
  CO_TRY_STATUS(co_await sleep_for(prng_.between(10us, 2ms)));
  for (const auto& seat : seats_) {
    if (!seat->has(port)) continue;
    seat->power(port, on);
    co_return Status();
  }
  co_return Error(Code::kNotFound, "{}: there is no such port", port.to_string());
}

void SimBus::add_hub(const UsbPath& path, std::uint8_t ports) {
  UsbDevice hub;
  hub.path = path;
  hub.arrival = ++arrivals_;
  hub.speed = UsbSpeed::kHigh;
  hub.is_hub = true;
  hub.hub_ports = ports;
  devices_.push_back(std::move(hub));
  list_changed();
}

const model::UsbBus& SimBus::time_bus(const std::string& controller, model::UsbBus::Kind kind) {
  std::unique_ptr<model::UsbBus>& bus = buses_[controller];
  CHECK(bus == nullptr, "{} has a time already", controller);
  bus = std::make_unique<model::UsbBus>(kind);
  return *bus;
}

VirtualBoard& SimBus::add_board(const UsbPath& path, VirtualBoard::Options options,
                                std::optional<UsbPath> second) {
  const auto bus_at = [this](const UsbPath& place) {
    const auto bus = buses_.find(place.controller);
    return bus == buses_.end() ? nullptr : bus->second.get();
  };
  options.bus = bus_at(second ? *second : path);
  if (options.bus != nullptr) {
    CHECK(options.bus->high_speed() == options.high_speed, "{} is another bus", path.to_string());
  }
  if (options.stages) options.stages->rom.bus = bus_at(path);
  seats_.push_back(std::make_unique<Seat>(*this, path, std::move(second), options));
  return seats_.back()->board();
}

void SimBus::swap(const UsbPath& path, const UsbPath& other) {
  Seat& one = seat_at(path);
  Seat& two = seat_at(other);
  std::vector<Seat*> seen;
  for (Seat* seat : {&one, &two}) {
    if (!seat->board().attached()) continue;
    seen.push_back(seat);
    seat->board().unplug(seat->now());
    seat->run();
  }
  one.swap_cables(two);
  for (Seat* seat : seen) {
    seat->board().plug(seat->now());
    seat->run();
  }
}

void SimBus::divert(const UsbPath& path, std::optional<UsbPath> other) {
  seat_at(path).divert(std::move(other));
}

void SimBus::plug(const UsbPath& path) {
  Seat& seat = seat_at(path);
  seat.board().plug(seat.now());
  seat.run();
}

void SimBus::unplug(const UsbPath& path) {
  Seat& seat = seat_at(path);
  seat.board().unplug(seat.now());
  seat.run();
}

void SimBus::halt(const UsbPath& path, std::uint8_t endpoint) {
  seat_at(path).halted().insert(endpoint);
}

void SimBus::hang(const UsbPath& path, std::uint8_t endpoint, bool on) {
  if (on) {
    seat_at(path).hanging().insert(endpoint);
  } else {
    seat_at(path).hanging().erase(endpoint);
  }
}

SimBus::Seat& SimBus::seat_at(const UsbPath& path) {
  const auto at = std::find_if(seats_.begin(), seats_.end(),
                               [&](const auto& seat) { return seat->path() == path; });
  CHECK(at != seats_.end(), "there is no board at {}", path.to_string());
  return **at;
}

SimBus::Seat* SimBus::seat_of(std::uint64_t arrival) {
  for (const auto& seat : seats_) {
    if (seat->device() && seat->device()->arrival == arrival) return seat.get();
  }
  return nullptr;
}

void SimBus::appear(Seat& seat) {
  const std::vector<std::uint8_t> descriptor = seat.board().device_descriptor();
  ByteReader fields(descriptor);
  fields.skip(8);
  UsbDevice device;
  device.path = seat.seen_at();
  device.arrival = ++arrivals_;
  device.vendor = fields.u16_le();
  device.product = fields.u16_le();
  device.release = fields.u16_le();
  device.speed = seat.board().high_speed() ? UsbSpeed::kHigh : UsbSpeed::kFull;
  seat.show(device);
  devices_.push_back(std::move(device));
  list_changed();
}

void SimBus::vanish(Seat& seat) {
  std::erase_if(devices_, [arrival = seat.device()->arrival](const UsbDevice& device) {
    return device.arrival == arrival;
  });
  seat.hide();
  list_changed();
}

void SimBus::list_changed() {
  std::sort(devices_.begin(), devices_.end(),
            [](const UsbDevice& a, const UsbDevice& b) { return a.path < b.path; });
  ++revision_;
  changes_.notify();
}

}  // namespace gangd::sim
