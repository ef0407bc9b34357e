#include "tests/rig/vrack/usb_port.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace gangd::rig {
namespace {

constexpr std::uint8_t kClearFeature = 1;
constexpr std::uint8_t kSetConfiguration = 9;
constexpr std::uint8_t kSetInterface = 11;

}  // namespace

UsbPort::UsbPort(Loop& loop, const BoardClock& clock, std::size_t index,
                 const BoardFactory& make_board)
    : loop_(loop), clock_(clock), board_(make_board(index, *this)) {}

UsbPort::~UsbPort() {
  loop_.timers().disarm(*this);
}

void UsbPort::plug() {
  if (powered_) return;
  powered_ = true;
  board_->plug(clock_.now());
  wake();
  changed_.notify();
}

void UsbPort::unplug() {
  if (!powered_) return;
  powered_ = false;
  board_->unplug(clock_.now());
  stalls_.clear();
  hangs_.clear();
  end_waiting(RackBoard::Outcome::kUnplugged);
  was_attached_ = false;
  changed_.notify();
}

void UsbPort::submit(Urb& urb) {
  urb.on_board_ = false;
  urb.actual = 0;
  urb.sent_ = 0;
  if (!attached()) {
    urb.outcome = RackBoard::Outcome::kUnplugged;
    urb.ended();
    return;
  }
  queues_[urb.endpoint].push_back(urb);
  start_next(urb.endpoint);
}

void UsbPort::cancel(Urb& urb) {
  if (urb.on_board_) {
    board_->cancel(urb, clock_.now());
    wake();
    return;
  }
  if (!urb.linked()) return;
  urb.unlink();
  urb.outcome = RackBoard::Outcome::kCancelled;
  urb.ended();
}

void UsbPort::bus_reset() {
  stalls_.clear();
  board_->bus_reset(clock_.now());
  wake();
}

void UsbPort::stall(std::uint8_t endpoint) {
  stalls_.insert(endpoint);
  // One that is waiting for the board has met the device before the fault; one that waits behind
  // it, or for an endpoint that hangs, will meet the fault.
  start_next(endpoint);
}

void UsbPort::hang(int endpoint) {
  hangs_.insert(endpoint);
}

void UsbPort::resume() {
  hangs_.clear();
  for (auto& [endpoint, queue] : queues_) start_next(endpoint);
}

Result<std::string> UsbPort::chip_command(const std::vector<std::string>& words) {
  auto answer = board_->chip_command(words, clock_.now());
  wake();
  return answer;
}

bool UsbPort::hangs(std::uint8_t endpoint) const {
  return hangs_.contains(kAllEndpoints) || hangs_.contains(endpoint);
}

// Gives the board the first transfer that waits at this endpoint, unless one is there already.
void UsbPort::start_next(std::uint8_t endpoint) {
  LinkedList<Urb>& queue = queues_[endpoint];
  if (!attached()) return;
  while (!queue.empty() && !queue.front().on_board_) {
    Urb& urb = queue.front();
    if (stalls_.contains(endpoint)) {
      if (endpoint == 0) stalls_.erase(endpoint);
      urb.unlink();
      urb.outcome = RackBoard::Outcome::kStalled;
      urb.ended();
      continue;
    }
    if (hangs(endpoint)) return;
    watch_setup(urb);
    urb.on_board_ = true;
    board_->submit(urb, clock_.now());
    wake();
  }
}

// A request that ends a halt in the device ends an injected one as well.
void UsbPort::watch_setup(const Urb& urb) {
  if (urb.endpoint != 0) return;
  const auto& setup = urb.setup;
  if (setup[0] == 0x02 && setup[1] == kClearFeature && setup[2] == 0) {
    stalls_.erase(setup[4]);
  } else if ((setup[0] == 0x00 && setup[1] == kSetConfiguration) ||
             (setup[0] == 0x01 && setup[1] == kSetInterface)) {
    std::erase_if(stalls_, [](std::uint8_t halted) { return halted != 0; });
  }
}

void UsbPort::completed(RackBoard::Transfer& transfer) {
  Urb& urb = static_cast<Urb&>(transfer);
  CHECK(urb.on_board_, "a board completed what it did not have");
  const std::uint8_t endpoint = urb.endpoint;
  if (urb.zero_packet && urb.outcome == RackBoard::Outcome::kDone) {
    urb.zero_packet = false;
    urb.sent_ = urb.actual;
    urb.data.clear();
    board_->submit(urb, clock_.now());
    return;
  }
  urb.actual += urb.sent_;
  urb.unlink();
  urb.on_board_ = false;
  urb.ended();
  start_next(endpoint);
}

void UsbPort::attached_changed() {
  if (std::exchange(was_attached_, board_->attached()) == board_->attached()) return;
  if (board_->attached()) {
    ++arrivals_;
  } else {
    end_waiting(RackBoard::Outcome::kUnplugged);
  }
  changed_.notify();
}

// Those the board has are the board's to end.
void UsbPort::end_waiting(RackBoard::Outcome outcome) {
  for (auto& [endpoint, queue] : queues_) {
    LinkedList<Urb> waiting;
    while (!queue.empty()) {
      Urb& urb = queue.pop_front();
      if (!urb.on_board_) waiting.push_back(urb);
    }
    while (!waiting.empty()) {
      Urb& urb = waiting.pop_front();
      urb.outcome = outcome;
      urb.ended();
    }
  }
}

// The board runs from the timer, never from within submit(), so that what it completes does not
// come back into a function that is still submitting.
void UsbPort::wake() {
  loop_.timers().arm(*this, loop_.now());
}

void UsbPort::on_time() {
  const BoardTime next = board_->advance(clock_.now());
  // Something may have woken it meanwhile: that comes first.
  if (armed() || next == BoardTime::max()) return;
  // At least a microsecond ahead: a board that wants to run at once for ever leaves the loop turns.
  const Instant soonest = loop_.port().now() + std::chrono::microseconds(1);
  loop_.timers().arm(*this, std::max(clock_.when(next), soonest));
}

}  // namespace gangd::rig
