#include "tests/emu/an500/qemu_bus.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "loop/deadline.h"
#include "loop/sleep.h"

extern char** environ;

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMachineMemory = std::size_t{16} << 20;  // that is a file
constexpr Duration kLook = 50us;                               // between two looks at the machine
constexpr Duration kStartLimit = 60s;
constexpr Duration kCancelLimit = 60s;
constexpr std::uint8_t kDeviceDescriptor = 1, kConfigurationDescriptor = 2;
constexpr std::uint8_t kSetAddress = 5, kGetDescriptor = 6, kSetConfiguration = 9;
constexpr std::uint8_t kSetInterface = 11, kClearFeature = 1;

static_assert(sizeof(shared) <= SHARED_SIZE);

std::array<std::uint8_t, 8> setup_of(UsbRequest request, std::size_t length) {
  const auto low = [](std::size_t value) { return static_cast<std::uint8_t>(value); };
  return {request.type,       request.request,         low(request.value), low(request.value >> 8),
          low(request.index), low(request.index >> 8), low(length),        low(length >> 8)};
}

Status status_of(std::uint32_t outcome) {
  switch (outcome) {
    case SHARED_OK:
      return {};
    case SHARED_STALLED:
      return Error(Code::kStalled, "stalled");
    case SHARED_AWAY:
      return Error(Code::kUnplugged, "it has been unplugged");
    case SHARED_CANCELLED:
      return Error(Code::kTransfer, "the bus was reset");
    default:
      return Error(Code::kTransfer, "the transfer failed");
  }
}

}  // namespace

QemuBus::QemuBus(std::string elf, std::string folder)
    : elf_(std::move(elf)), memory_(std::move(folder) + "/machine.ram") {}

QemuBus::~QemuBus() {
  stop_machine();
}

// --- the machine

Status QemuBus::start_machine() {
  const int file = open64(memory_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate64(file, kMachineMemory) != 0) {
    return Error(Code::kIo, "{}: {}", memory_, std::strerror(errno));
  }
  void* mapped = mmap(nullptr, kMachineMemory, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED) return Error(Code::kIo, "mmap: {}", std::strerror(errno));
  shared_ = static_cast<volatile shared*>(mapped);
  ++life_;
  std::vector<std::string> words = {
      "qemu-system-arm", "-M", "mps2-an500,memory-backend=ram", "-m", "16M", "-object",
      fmt::format("memory-backend-file,id=ram,size=16M,mem-path={},share=on", memory_), "-display",
      "none", "-monitor", "none", "-serial", "none", "-semihosting-config",
      "enable=on,target=native",
      // Its time is counted in instructions, and jumps while it waits: however busy this machine
      // is, the firmware misses nothing, and what a chip takes costs nothing.
      "-icount", "shift=4,sleep=off", "-kernel", elf_};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int failed =
      posix_spawnp(&process_, arguments[0], nullptr, nullptr, arguments.data(), environ);
  if (failed == 0) return {};
  process_ = -1;
  return Error(Code::kIo, "qemu-system-arm: {}; type deploy/install-deps", std::strerror(failed));
}

void QemuBus::stop_machine() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  if (shared_ != nullptr) munmap(const_cast<shared*>(shared_), kMachineMemory);
  shared_ = nullptr;
  ++life_;
  unlink(memory_.c_str());
  given_ = ended_ = {};
}

Task<Status> QemuBus::plug() {
  if (process_ > 0) co_return Status();
  CO_TRY_STATUS(start_machine());
  co_return (co_await with_timeout(kStartLimit, show())).with_context("the machine's start");
}

// What a kernel does with a device that appears.
Task<Status> QemuBus::show() {
  while (shared_->ready != SHARED_READY || shared_->shown == 0) {
    if (waitpid(process_, nullptr, WNOHANG) != 0) {
      co_return Error(Code::kIo, "qemu-system-arm has ended");
    }
    CO_TRY_STATUS(co_await sleep_for(1ms));
  }
  CO_TRY_STATUS(co_await reset_bus());
  CO_TRY(const ByteVector device, co_await ask(kDeviceDescriptor, 18));
  CO_TRY(configuration_, co_await ask(kConfigurationDescriptor, 1024));
  const std::array requests = {UsbRequest{0, kSetAddress, 1, 0},
                               UsbRequest{0, kSetConfiguration, 1, 0}};
  for (const UsbRequest& request : requests) {
    CO_TRY(const Outcome outcome, co_await run({.setup = setup_of(request, 0)}));
    CO_TRY_STATUS(status_of(outcome.outcome));
  }
  ByteReader reader(device);
  reader.skip(8);
  UsbDevice shown;
  shown.path = place();
  shown.arrival = ++arrivals_;
  shown.vendor = reader.u16_le();
  shown.product = reader.u16_le();
  shown.release = reader.u16_le();
  shown.speed = UsbSpeed::kHigh;
  CO_TRY_STATUS(reader.complete() ? Status() : Status(Error(Code::kDevice, "a short descriptor")));
  devices_ = {std::move(shown)};
  ++revision_;
  changed_.notify();
  co_return Status();
}

void QemuBus::gone() {
  if (devices_.empty()) return;
  devices_.clear();
  ++revision_;
  changed_.notify();
}

Task<> QemuBus::unplug() {
  stop_machine();
  gone();
  // Who waits for a transfer finds out at their next look.
  (void)co_await sleep_for(10 * kLook);
}

Task<Result<QemuBus::Figures>> QemuBus::finish() {
  shared_->leave = 1;
  const auto left = [this]() -> Task<Status> {
    while (shared_->leave != 2) CO_TRY_STATUS(co_await sleep_for(1ms));
    co_return Status();
  };
  CO_TRY_STATUS((co_await with_timeout(kStartLimit, left())).with_context("the machine's end"));
  const Figures figures = {.stack_used = shared_->stack_used,
                           .stack_size = shared_->stack_size,
                           .faults = shared_->faults,
                           .complaints = shared_->complaints,
                           .ticks = shared_->ticks};
  stop_machine();
  gone();
  co_return figures;
}

// --- transfers

Task<Result<QemuBus::Outcome>> QemuBus::run(Transfer transfer) {
  const auto endpoint = static_cast<std::size_t>(transfer.endpoint);
  const std::uint64_t life = life_;
  const auto is_gone = [this, life, &transfer] {
    return shared_ == nullptr || life_ != life ||
           (transfer.arrival != 0 && transfer.arrival != arrivals_);
  };
  if (is_gone()) co_return Outcome();
  const std::uint64_t turn = given_[endpoint]++;
  // The machine takes them from its places in turn.
  const auto has_place = [&]() -> Task<Status> {
    while (!is_gone() && ended_[endpoint] + SHARED_PLACES <= turn) {
      CO_TRY_STATUS(co_await sleep_for(kLook));
    }
    co_return Status();
  };
  const Status free = co_await has_place();
  // Cancelled, it takes its turn all the same: the machine counts them.
  if (!free) CO_TRY_STATUS(co_await shielded(kCancelLimit, has_place()));
  if (is_gone()) co_return Outcome();
  auto& place = const_cast<shared_transfer&>(shared_->transfers[endpoint][turn % SHARED_PLACES]);
  std::ranges::copy(transfer.setup, place.setup);
  std::ranges::copy(transfer.bytes, place.bytes);
  place.size =
      static_cast<std::uint32_t>(transfer.bytes.empty() ? transfer.room : transfer.bytes.size());
  place.actual = 0;
  std::atomic_ref(place.state).store(free ? SHARED_GIVEN : SHARED_CANCEL);
  auto outcome = co_await wait_for(place);
  if (life_ == life) ++ended_[endpoint];
  co_return outcome;
}

// Cancelled, it takes the transfer back, as a bus does.
Task<Result<QemuBus::Outcome>> QemuBus::wait_for(shared_transfer& place) {
  const std::uint64_t life = life_;
  const auto is_done = [&] {
    return life_ != life || std::atomic_ref(place.state).load() == SHARED_DONE;
  };
  Status waited;
  while (!is_done() && waited) waited = co_await sleep_for(kLook);
  if (!waited && !is_done()) {
    std::uint32_t given = SHARED_GIVEN;
    std::atomic_ref(place.state).compare_exchange_strong(given, SHARED_CANCEL);
    const auto taken_back = [&]() -> Task<Status> {
      while (!is_done()) CO_TRY_STATUS(co_await sleep_for(kLook));
      co_return Status();
    };
    (void)co_await shielded(kCancelLimit, taken_back());
  }
  if (life_ != life) co_return Outcome();
  Outcome outcome;
  outcome.outcome = place.outcome;
  outcome.actual = std::min<std::size_t>(place.actual, SHARED_BYTES_MAX);
  outcome.bytes.assign(place.bytes, place.bytes + outcome.actual);
  std::atomic_ref(place.state).store(SHARED_FREE);
  if (!waited) co_return std::move(waited).error();
  co_return outcome;
}

Task<Result<ByteVector>> QemuBus::ask(std::uint8_t descriptor, std::size_t size) {
  const UsbRequest request = {0x80, kGetDescriptor, static_cast<std::uint16_t>(descriptor << 8), 0};
  CO_TRY(Outcome outcome, co_await run({.setup = setup_of(request, size), .room = size}));
  CO_TRY_STATUS(status_of(outcome.outcome));
  co_return std::move(outcome.bytes);
}

Task<Status> QemuBus::reset_bus() {
  if (shared_ == nullptr) co_return Error(Code::kUnplugged, "it has been unplugged");
  const std::uint32_t count = shared_->resets + 1;
  shared_->resets = count;
  while (shared_ != nullptr && shared_->resets_done != count) {
    CO_TRY_STATUS(co_await sleep_for(kLook));
  }
  co_return Status();
}

// --- the host's view

class QemuBus::Connection final : public UsbConnection {
 public:
  Connection(QemuBus& bus, UsbDevice device)
      : bus_(bus), device_(std::move(device)), configuration_(bus.configuration_) {}

  const UsbDevice& device() const override { return device_; }
  const ByteVector& configuration() const override { return configuration_; }
  Task<Status> claim(std::uint8_t) override { co_return Status(); }
  Task<Status> select(std::uint8_t interface, std::uint8_t alternate) override {
    return control_out({1, kSetInterface, alternate, interface}, {});
  }

  Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) override {
    CO_TRY(Outcome outcome, co_await bus_.run({.setup = setup_of(request, bytes_max),
                                               .room = bytes_max,
                                               .arrival = device_.arrival}));
    CO_TRY_STATUS(status_of(outcome.outcome));
    co_return std::move(outcome.bytes);
  }
  Task<Status> control_out(UsbRequest request, ByteVector bytes) override {
    const auto setup = setup_of(request, bytes.size());
    CO_TRY(
        const Outcome outcome,
        co_await bus_.run({.setup = setup, .bytes = std::move(bytes), .arrival = device_.arrival}));
    co_return status_of(outcome.outcome);
  }
  Task<Result<ByteVector>> bulk_in(std::uint8_t endpoint, std::size_t bytes_max) override {
    if (endpoint != (0x80 | 1)) co_return Error(Code::kTransfer, "there is no such endpoint");
    CO_TRY(Outcome outcome,
           co_await bus_.run({.endpoint = SHARED_IN,
                              .room = std::min<std::size_t>(bytes_max, SHARED_BYTES_MAX),
                              .arrival = device_.arrival}));
    CO_TRY_STATUS(status_of(outcome.outcome));
    co_return std::move(outcome.bytes);
  }
  Task<Status> bulk_out(std::uint8_t endpoint, ByteVector bytes) override {
    if (endpoint != 1) co_return Error(Code::kTransfer, "there is no such endpoint");
    if (bytes.size() > SHARED_BYTES_MAX) {
      co_return Error(Code::kInvalid, "{} bytes: shared.h has no room for them", bytes.size());
    }
    CO_TRY(const Outcome outcome,
           co_await bus_.run(
               {.endpoint = SHARED_OUT, .bytes = std::move(bytes), .arrival = device_.arrival}));
    co_return status_of(outcome.outcome);
  }
  Task<Status> clear_halt(std::uint8_t endpoint) override {
    return control_out({2, kClearFeature, 0, endpoint}, {});
  }
  Task<Status> reset() override {
    if (device_.arrival != bus_.arrivals_ || bus_.devices_.empty()) {
      co_return Error(Code::kUnplugged, "it has been unplugged");
    }
    CO_TRY_STATUS(co_await bus_.reset_bus());
    for (const UsbRequest& request :
         {UsbRequest{0, kSetAddress, 1, 0}, UsbRequest{0, kSetConfiguration, 1, 0}}) {
      CO_TRY_STATUS(co_await control_out(request, {}));
    }
    co_return Status();
  }

 private:
  QemuBus& bus_;
  const UsbDevice device_;
  const ByteVector configuration_;
};

Task<Status> QemuBus::changed(std::uint64_t seen) {
  while (revision_ == seen) CO_TRY_STATUS(co_await changed_.wait());
  co_return Status();
}

Task<Result<std::unique_ptr<UsbConnection>>> QemuBus::open(std::uint64_t arrival) {
  if (devices_.empty() || devices_.front().arrival != arrival) {
    co_return Error(Code::kUnplugged, "it has been unplugged");
  }
  co_return std::make_unique<Connection>(*this, devices_.front());
}

Task<Status> QemuBus::set_port_power(UsbPath, bool on) {
  if (on) co_return co_await plug();
  co_await unplug();
  co_return Status();
}

}  // namespace gangd
