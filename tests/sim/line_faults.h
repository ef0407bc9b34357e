// What a bad line does to the frames of one board, on a connection that is otherwise well: they are
// damaged, lost, repeated, in the wrong order, cut short or refused, on their way to the board or
// back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "usb/usb.h"

namespace gangd::sim {

enum class LineFault {
  kDamaged,    // one bit is another
  kLost,       // the sender believes that it has arrived
  kRepeated,   // it arrives twice
  kReordered,  // it arrives behind the next one
  kShort,      // its second half is missing
  kStalled,    // the endpoint is halted
  kBroken,     // the bus reports an error
};
std::string_view name(LineFault fault);

// The faults of one place. They stay when the board is pulled.
class LineFaults {
 public:
  enum class Way { kOut, kIn };
  struct Order {
    LineFault fault = LineFault::kDamaged;
    Way way = Way::kOut;
    std::uint64_t first = 0;  // frame of this way, from now on; 0: the next
    std::uint64_t count = 1;  // so many, one after another
  };

  // `halt` makes the board's endpoint refuse until its halt is cleared.
  explicit LineFaults(std::function<void(std::uint8_t endpoint)> halt) : halt_(std::move(halt)) {}

  void order(Order order);
  // Each transfer, control too, has two moments: it begins, and it has ended. Calls `act` at the
  // n-th of them from now; 0: the next.
  void at_moment(std::uint64_t n, std::function<void()> act);
  // Nothing is wrong any more; counts begin anew.
  void clear();

  std::uint64_t moments() const { return moments_; }
  std::uint64_t frames(Way way) const { return frames_[static_cast<std::size_t>(way)]; }

  // --- for the connection

  void moment();
  // The next frame of this way, and what becomes of it. `number`: which one it is.
  std::optional<LineFault> next(Way way, std::uint64_t& number);
  void halt(std::uint8_t endpoint) { halt_(endpoint); }

 private:
  struct Act {
    std::uint64_t moment;
    std::function<void()> act;
  };

  const std::function<void(std::uint8_t endpoint)> halt_;
  std::vector<Order> orders_;
  std::vector<Act> acts_;
  std::uint64_t moments_ = 0;
  std::uint64_t frames_[2] = {0, 0};
};

// `faults` must outlive it.
std::unique_ptr<UsbConnection> on_bad_line(std::unique_ptr<UsbConnection> inner,
                                           LineFaults& faults);

}  // namespace gangd::sim
