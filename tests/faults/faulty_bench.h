// One virtual board on a bad line, the daemon's recipe that programs it, and the ledger that
// remembers how each attempt ended. All in virtual time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "loop/loop.h"
#include "recipe/recipe.h"
#include "station/mes_link.h"
#include "station/records.h"
#include "station/serial_supply.h"
#include "tests/sim/line_faults.h"
#include "tests/sim/sim_bus.h"
#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_port.h"

namespace gangd {

class FaultyBench {
 public:
  struct Options {
    std::string part = "MX25R6435F";
    std::uint64_t seed = 1;
    std::size_t image_bytes = 6000;
    bool whole_chip = false;  // the image is of all bytes of the part, and there is no serial
    bool incoming_fresh = false;
    bool timed = false;  // packets take their time on the bus, and move while the firmware works
  };

  // The board holds something else than what it is to hold, and is not plugged in.
  explicit FaultyBench(Options options);
  ~FaultyBench();

  // One attempt, as a slot makes it: the board is plugged in if it is not, and the outcome is on
  // record when this returns.
  Attempt attempt() { return attempt_on_cells({}); }
  // Another product's, which lies beside the first one's.
  Attempt attempt_of_other();
  // The same by a recipe that is told this of the cells, whatever the ledger knows.
  Attempt attempt_on_cells(std::optional<Cells> cells);
  // gangd stops after this; the board keeps its power.
  Attempt attempt_that_stops(Duration after, std::optional<Cells> cells);
  // Off, and on again at the next attempt.
  void unplug() { bus_.unplug(place_); }
  // Bytes that the board is not to hold, so that an attempt has all of its work to do.
  void soil();
  // Whether the chip's cells hold the image and the serial, and will.
  bool holds() const;

  const Image& image() const { return work_.recipe->image(); }
  // How long the last attempt took.
  Duration took() const { return took_; }
  model::NorChip& chip() { return board_->chip(); }
  sim::SimBus& bus() { return bus_; }
  const UsbPath& place() const { return place_; }
  sim::LineFaults& line() { return line_; }
  // An attempt must end within this; a slot's operator is told then.
  static Duration limit();

 private:
  // A recipe, and the job of the ledger that is to do it.
  struct Work {
    std::unique_ptr<Recipe> recipe;
    EventId job;
  };
  Task<> begin();
  Task<Attempt> run(const Work& work, std::optional<Cells> cells, Duration limit);
  Task<Result<std::unique_ptr<UsbConnection>>> open_when_there();
  Task<> stop();

  sim::Trace trace_{nullptr};
  sim::SimPort port_;
  Loop loop_{port_};
  sim::SimBus bus_;
  const UsbPath place_{"0000:00:14.0", {1}};
  model::VirtualBoard* board_ = nullptr;
  sim::LineFaults line_{[this](std::uint8_t endpoint) { bus_.halt(place_, endpoint); }};
  sim::SimDisk disk_{1};
  sim::SimLedger ledger_{loop_, disk_, "line-1"};
  Records records_{loop_, ledger_, [] {}};
  NoMes mes_;
  SerialSupply serials_{loop_, records_, mes_, [] {}};
  const std::unique_ptr<Workers> worker_ = port_.start_workers("products", 1);
  Work work_;
  Work other_;
  std::string serial_;
  Duration took_{};
};

// Of an attempt that is no PASS.
std::string reason_of(const Attempt& attempt);

}  // namespace gangd
