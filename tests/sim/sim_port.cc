#include "tests/sim/sim_port.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <vector>

#include "base/check.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

// A look for events is followed by up to 256 resumes: so many looks, or events, without time
// passing are no work.
constexpr std::uint64_t kStepsWithoutTimeMax = 100'000;

// Mostly short, sometimes as long as a busy machine takes: where races come to light.
Duration latency(Prng& prng, Duration usual, Duration rare) {
  return prng.chance(30) ? prng.between(usual, rare) : prng.between(1us, usual);
}

// Each simulated thread is an event of its own: when it arrives, the thread takes the next job.
class SimWorkers final : public Workers {
 public:
  SimWorkers(SimPort& port, std::string name, int threads) : port_(port), name_(std::move(name)) {
    for (int i = 0; i < threads; ++i) threads_.push_back(std::make_unique<Thread>(*this));
  }
  ~SimWorkers() override {
    CHECK(queue_.empty(), "workers were stopped with jobs waiting");
    for (const auto& thread : threads_) port_.withdraw(*thread);
  }

  void submit(Job& job) override {
    queue_.push_back(&job);
    for (const auto& thread : threads_) {
      if (thread->idle) return wake(*thread, latency(port_.latencies(), 50us, 10ms));
    }
  }

  bool withdraw(Job& job) override {
    const auto at = std::find(queue_.begin(), queue_.end(), &job);
    if (at == queue_.end()) return false;
    queue_.erase(at);
    return true;
  }

 private:
  struct Thread final : Event {
    explicit Thread(SimWorkers& owner) : workers(owner) {}
    void on_loop() override { workers.take_job(*this); }
    std::string_view event_name() const override { return workers.name_; }

    SimWorkers& workers;
    bool idle = true;
  };

  void wake(Thread& thread, Duration delay) {
    thread.idle = false;
    port_.schedule(thread, port_.now() + delay);
  }

  void take_job(Thread& thread) {
    thread.idle = queue_.empty();
    if (thread.idle) return;
    Job& job = *queue_.front();
    queue_.pop_front();
    job.work();
    const Duration took = latency(port_.latencies(), 2ms, 200ms);
    port_.schedule(job, port_.now() + took);
    wake(thread, took);
  }

  SimPort& port_;
  const std::string name_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::deque<Job*> queue_;
};

}  // namespace

SimPort::SimPort(std::uint64_t seed, Trace& trace)
    : trace_(trace), latencies_(seed), entropy_(latencies_.fork()) {}

SimPort::~SimPort() {
  CHECK(scheduled_.empty(), "the port was closed with events on their way");
}

UtcTime SimPort::utc_now() {
  constexpr UtcTime kStart = std::chrono::sys_days(std::chrono::year(2030) / 1 / 1);
  return kStart + std::chrono::duration_cast<UtcTime::duration>(now_.time_since_epoch());
}

bool SimPort::wait(Instant deadline) {
  if (check_) check_();
  const Instant next = scheduled_.empty() ? Instant::max() : scheduled_.begin()->first.first;
  const Instant until = std::min(next, deadline);
  if (until == Instant::max()) return false;
  if (until > now_) steps_without_time_ = 0;
  CHECK(++steps_without_time_ < kStepsWithoutTimeMax, "tasks run on and on and none waits");
  now_ = std::max(now_, until);
  return true;
}

Event* SimPort::next_event() {
  const auto first = scheduled_.begin();
  if (first == scheduled_.end() || first->first.first > now_) return nullptr;
  Event* event = first->second;
  scheduled_.erase(first);
  CHECK(++steps_without_time_ < kStepsWithoutTimeMax, "{} comes on and on", event->event_name());
  trace_.line(now_, "event", event->event_name());
  return event;
}

void SimPort::post(Event& event) {
  schedule(event, now_ + latency(latencies_, 100us, 20ms));
}

void SimPort::withdraw(Event& event) {
  std::erase_if(scheduled_, [&](const auto& entry) { return entry.second == &event; });
}

std::unique_ptr<Workers> SimPort::start_workers(std::string name, int threads) {
  return std::make_unique<SimWorkers>(*this, std::move(name), threads);
}

void SimPort::log(Severity severity, std::string_view line) {
  constexpr std::array<std::string_view, 4> kKinds = {"debug", "info", "warning", "error"};
  trace_.line(now_, kKinds[static_cast<std::size_t>(severity)], line);
}

void SimPort::schedule(Event& event, Instant when) {
  scheduled_.emplace(Key(std::max(when, now_), scheduled_count_++), &event);
}

}  // namespace gangd::sim
