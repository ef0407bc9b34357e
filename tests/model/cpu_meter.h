// Counts what the firmware computes while it runs: its functions that work through many bytes are
// wrapped by the linker (CMakeLists.txt here), so that the firmware itself knows nothing of it.
#pragma once

#include "tests/model/cpus.h"

namespace gangd::model {

class CpuMeter {
 public:
  explicit CpuMeter(const Cpu& cpu) : cpu_(cpu) {}

  // While it lives, what runs on this thread is the work of `meter`'s CPU. They do not nest.
  class Running {
   public:
    explicit Running(CpuMeter& meter);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
  };

  const Cpu& cpu() const { return cpu_; }
  void add(double cycles) { cycles_ += cycles; }
  // The time of what was added since the last time.
  std::chrono::nanoseconds take();

 private:
  const Cpu& cpu_;
  double cycles_ = 0;
};

}  // namespace gangd::model
