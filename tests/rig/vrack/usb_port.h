// UsbPort: a port of a hub with the board in it, and what a host controller does there: one
// transfer at a time for each endpoint, bus reset, power. Also the place of the faults that are the
// bus's and not the board's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "base/linked_list.h"
#include "loop/loop.h"
#include "loop/signal.h"
#include "loop/timers.h"
#include "tests/rig/vrack/rack_board.h"

namespace gangd::rig {

// The time of all boards.
class BoardClock {
 public:
  BoardClock(Port& port, double speed) : port_(port), start_(port.now()), speed_(speed) {}

  // Not the loop's now(), which stands still while a task runs: a board must not see time jump.
  BoardTime now() const { return scale(port_.now() - start_, speed_); }
  // When on the machine's clock it will be `time`; Instant::max() for never.
  Instant when(BoardTime time) const {
    if (time == BoardTime::max()) return Instant::max();
    return start_ + scale(time, 1 / speed_);
  }

 private:
  static Duration scale(Duration time, double factor) {
    return Duration(static_cast<Duration::rep>(static_cast<double>(time.count()) * factor));
  }

  Port& port_;
  const Instant start_;
  const double speed_;
};

// A transfer on its way. Its owner keeps it until ended().
class Urb : public Link, public RackBoard::Transfer {
 public:
  virtual ~Urb() = default;
  // It has its outcome. May submit others; may destroy this one.
  virtual void ended() = 0;

  // OUT: an empty packet follows, for the device to know that this was all.
  bool zero_packet = false;

 private:
  friend class UsbPort;
  bool on_board_ = false;
  std::uint32_t sent_ = 0;  // before the empty packet
};

class UsbPort final : private RackBoard::Host, private Timer {
 public:
  // For a fault that concerns every endpoint.
  static constexpr int kAllEndpoints = -1;

  UsbPort(Loop& loop, const BoardClock& clock, std::size_t index, const BoardFactory& make_board);
  ~UsbPort() override;

  void plug();
  void unplug();
  bool powered() const { return powered_; }
  bool attached() const { return powered_ && board_->attached(); }
  bool high_speed() const { return board_->high_speed(); }
  bool is_second_connector() const { return board_->is_second_connector(); }
  // How often a device has appeared: two looks with the same number see the same one.
  std::uint64_t arrivals() const { return arrivals_; }

  // May call ended() at once.
  void submit(Urb& urb);
  // Leads to ended() with kCancelled, unless it has ended otherwise meanwhile.
  void cancel(Urb& urb);
  void bus_reset();

  // The next transfer of this endpoint stalls, and those after it until its halt is cleared; on
  // endpoint 0 the next one only, as a control endpoint never halts.
  void stall(std::uint8_t endpoint);
  // The endpoint answers nothing but NAK until resume().
  void hang(int endpoint);
  void resume();

  Result<std::string> chip_command(const std::vector<std::string>& words);

  // Notified when powered() or attached() has changed.
  Signal& changed() { return changed_; }

 private:
  void completed(RackBoard::Transfer& transfer) override;
  void attached_changed() override;
  void on_time() override;

  bool hangs(std::uint8_t endpoint) const;
  void start_next(std::uint8_t endpoint);
  void watch_setup(const Urb& urb);
  void end_waiting(RackBoard::Outcome outcome);
  void wake();

  Loop& loop_;
  const BoardClock& clock_;
  std::map<std::uint8_t, LinkedList<Urb>> queues_;
  std::set<std::uint8_t> stalls_;
  std::set<int> hangs_;
  bool powered_ = false;
  bool was_attached_ = false;
  std::uint64_t arrivals_ = 0;
  Signal changed_;
  std::unique_ptr<RackBoard> board_;
};

}  // namespace gangd::rig
