// SimPort: a machine whose time is virtual. Time passes only while every task waits, and then at
// once to the next thing that happens; when that is follows from the seed. What would be another
// thread runs inline at such a moment.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "loop/port.h"
#include "tests/sim/prng.h"
#include "tests/sim/trace.h"

namespace gangd::sim {

class SimPort final : public Port {
 public:
  SimPort(std::uint64_t seed, Trace& trace);
  ~SimPort() override;

  Instant now() override { return now_; }
  UtcTime utc_now() override;
  std::uint64_t random() override { return entropy_.next(); }
  bool wait(Instant deadline) override;
  Event* next_event() override;
  void post(Event& event) override;
  void withdraw(Event& event) override;
  std::unique_ptr<Workers> start_workers(std::string name, int threads) override;
  void log(Severity severity, std::string_view line) override;

  // Lets `event` arrive at `when`. What simulated devices are made of.
  void schedule(Event& event, Instant when);
  // A line that a world adds to the trace.
  void note(std::string_view line) { trace_.line(now_, "note", line); }
  // Runs between any two turns of the loop: where promises are checked.
  void at_each_step(std::function<void()> check) { check_ = std::move(check); }

  Prng& latencies() { return latencies_; }

 private:
  // Order of arrival: by time, then by order of scheduling.
  using Key = std::pair<Instant, std::uint64_t>;

  Trace& trace_;
  Prng latencies_;
  Prng entropy_;
  Instant now_{};
  std::map<Key, Event*> scheduled_;
  std::uint64_t scheduled_count_ = 0;
  std::uint64_t steps_without_time_ = 0;
  std::function<void()> check_;
};

}  // namespace gangd::sim
