#include "tests/sim/line_faults.h"

#include <algorithm>
#include <chrono>
#include <deque>

#include "loop/sleep.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

// What a transfer takes that only its sender believes in.
constexpr Duration kNothingSent = 20us;

void damage(ByteVector& frame, std::uint64_t number) {
  if (frame.empty()) return;
  // Anywhere, over the frames of an attempt: 37 has no factor in common with their sizes.
  frame[number * 37 % frame.size()] ^= static_cast<std::uint8_t>(1U << number % 8);
}

class BadLine final : public UsbConnection {
 public:
  BadLine(std::unique_ptr<UsbConnection> inner, LineFaults& faults)
      : inner_(std::move(inner)), faults_(faults) {}

  const UsbDevice& device() const override { return inner_->device(); }
  const ByteVector& configuration() const override { return inner_->configuration(); }
  Task<Status> claim(std::uint8_t interface) override { return inner_->claim(interface); }
  Task<Status> select(std::uint8_t interface, std::uint8_t alternate) override {
    forget();
    return noted(inner_->select(interface, alternate));
  }
  Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) override {
    return noted(inner_->control_in(request, bytes_max));
  }
  Task<Status> control_out(UsbRequest request, ByteVector bytes) override {
    return noted(inner_->control_out(request, std::move(bytes)));
  }
  Task<Status> clear_halt(std::uint8_t endpoint) override {
    return noted(inner_->clear_halt(endpoint));
  }
  Task<Status> reset() override {
    forget();
    return noted(inner_->reset());
  }

  Task<Status> bulk_out(std::uint8_t endpoint, ByteVector bytes) override {
    std::uint64_t number = 0;
    const std::optional<LineFault> fault = faults_.next(LineFaults::Way::kOut, number);
    if (fault == LineFault::kReordered && !held_out_) {
      held_out_ = std::move(bytes);
      co_return co_await sleep_for(kNothingSent);
    }
    if (fault == LineFault::kLost) co_return co_await sleep_for(kNothingSent);
    if (fault == LineFault::kBroken) co_return broken();
    if (fault == LineFault::kStalled) faults_.halt(endpoint);
    if (fault == LineFault::kDamaged) damage(bytes, number);
    if (fault == LineFault::kShort) bytes.resize(bytes.size() / 2);
    ByteVector again;
    if (fault == LineFault::kRepeated) again = bytes;
    CO_TRY_STATUS(co_await noted(inner_->bulk_out(endpoint, std::move(bytes))));
    if (fault == LineFault::kRepeated) {
      co_return co_await noted(inner_->bulk_out(endpoint, std::move(again)));
    }
    if (!held_out_) co_return Status();
    ByteVector held = *std::exchange(held_out_, {});
    co_return co_await noted(inner_->bulk_out(endpoint, std::move(held)));
  }

  Task<Result<ByteVector>> bulk_in(std::uint8_t endpoint, std::size_t bytes_max) override {
    if (!held_in_.empty()) {
      ByteVector held = std::move(held_in_.front());
      held_in_.pop_front();
      co_return held;
    }
    std::uint64_t number = 0;
    const std::optional<LineFault> fault = faults_.next(LineFaults::Way::kIn, number);
    if (fault == LineFault::kBroken) co_return broken();
    if (fault == LineFault::kStalled) faults_.halt(endpoint);
    CO_TRY(ByteVector frame, co_await noted(inner_->bulk_in(endpoint, bytes_max)));
    if (fault == LineFault::kLost || fault == LineFault::kReordered) {
      CO_TRY(ByteVector next, co_await noted(inner_->bulk_in(endpoint, bytes_max)));
      std::swap(frame, next);
      if (fault == LineFault::kReordered) held_in_.push_back(std::move(next));
    }
    if (fault == LineFault::kRepeated) held_in_.push_back(frame);
    if (fault == LineFault::kDamaged) damage(frame, number);
    if (fault == LineFault::kShort) frame.resize(frame.size() / 2);
    co_return frame;
  }

 private:
  // What was on its way is of no meaning to a board that begins anew.
  void forget() {
    held_out_.reset();
    held_in_.clear();
  }
  static Error broken() { return {Code::kTransfer, "the transfer failed on the bus"}; }

  template <class T>
  Task<T> noted(Task<T> transfer) {
    faults_.moment();
    T result = co_await std::move(transfer);
    faults_.moment();
    co_return result;
  }

  const std::unique_ptr<UsbConnection> inner_;
  LineFaults& faults_;
  std::optional<ByteVector> held_out_;
  std::deque<ByteVector> held_in_;
};

}  // namespace

std::string_view name(LineFault fault) {
  constexpr std::string_view kNames[] = {"damaged", "lost",    "repeated", "reordered",
                                         "short",   "stalled", "broken"};
  return kNames[static_cast<std::size_t>(fault)];
}

void LineFaults::order(Order order) {
  order.first += frames(order.way);
  orders_.push_back(order);
}

void LineFaults::at_moment(std::uint64_t n, std::function<void()> act) {
  acts_.push_back({moments_ + n, std::move(act)});
}

void LineFaults::clear() {
  orders_.clear();
  acts_.clear();
  moments_ = frames_[0] = frames_[1] = 0;
}

void LineFaults::moment() {
  const std::uint64_t now = moments_++;
  const auto due = std::ranges::find(acts_, now, &Act::moment);
  if (due == acts_.end()) return;
  const std::function<void()> act = std::move(due->act);
  acts_.erase(due);
  act();
}

std::optional<LineFault> LineFaults::next(Way way, std::uint64_t& number) {
  number = frames_[static_cast<std::size_t>(way)]++;
  for (const Order& order : orders_) {
    if (order.way == way && number >= order.first && number - order.first < order.count) {
      return order.fault;
    }
  }
  return {};
}

std::unique_ptr<UsbConnection> on_bad_line(std::unique_ptr<UsbConnection> inner,
                                           LineFaults& faults) {
  return std::make_unique<BadLine>(std::move(inner), faults);
}

}  // namespace gangd::sim
