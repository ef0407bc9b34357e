// A loop on the simulated machine, for tests of the loop itself.
#pragma once

#include <chrono>

#include "loop/loop.h"
#include "loop/task.h"
#include "tests/sim/sim_port.h"

namespace gangd {

struct Simulated {
  explicit Simulated(std::uint64_t seed = 1) : port(seed, trace), loop(port) {}

  sim::Trace trace{nullptr};
  sim::SimPort port;
  Loop loop;
};

// A leaf that somebody else ends: stands for a transfer, which keeps its buffer until the kernel
// gives it back. `aborts` counts how often it was asked to stop.
class Transfer : public Leaf {
 public:
  Status await_resume() const {
    if (refused()) return cancelled();
    return outcome_;
  }
  void finish(Status outcome) {
    outcome_ = std::move(outcome);
    resolve();
  }
  bool pending() const { return linked(); }

  int starts = 0;
  int aborts = 0;

 private:
  bool start() override {
    ++starts;
    return true;
  }
  void abort() override { ++aborts; }

  Status outcome_;
};

}  // namespace gangd
