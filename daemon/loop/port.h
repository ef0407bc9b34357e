// Port: the loop's whole seam to the outside. Clock, waiting, other threads, randomness and log
// lines come through it and through nothing else. There are two: EpollPort, which is the machine,
// and the simulation's, whose time is virtual and whose every choice follows from one seed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/linked_list.h"
#include "loop/clock.h"

namespace gangd {

enum class Severity { kDebug, kInfo, kWarning, kError };

// Something that happened outside and that the loop must hear of.
class Event : public Link {
 public:
  virtual ~Event() = default;

  // What happened, on the loop thread. Short: it marks tasks as ready and runs none.
  virtual void on_loop() = 0;
  // Who it is, for the log of slow callbacks.
  virtual std::string_view event_name() const = 0;
};

// A queue of work that would block the loop, served in order of submission. With one thread it is
// also the way to give a resource a single writer.
class Workers {
 public:
  class Job : public Event {
   public:
    // On a worker's thread; touches only what the job owns. When it has returned, on_loop()
    // follows.
    virtual void work() = 0;
  };

  // Stops the threads. All jobs must have ended: their tasks were joined before.
  virtual ~Workers() = default;

  // Loop thread only. The job stays the caller's and must live until on_loop() or withdraw().
  virtual void submit(Job& job) = 0;
  // Takes back a job that has not begun: it will do nothing more. False: it has begun, and its
  // on_loop() will come.
  virtual bool withdraw(Job& job) = 0;
};

class Port {
 public:
  virtual ~Port() = default;

  // From any thread.
  virtual Instant now() = 0;
  virtual UtcTime utc_now() = 0;
  // 64 bits that nobody can foresee: for nonces and ids.
  virtual std::uint64_t random() = 0;

  // Sleeps until `deadline` or until an event is there; a deadline that has passed only looks.
  // Instant::max() is no deadline. The caller has taken all events of the last wait(). False: no
  // event can ever come again (only in a simulation).
  virtual bool wait(Instant deadline) = 0;
  // The next event that wait() found, or null. Loop thread.
  virtual Event* next_event() = 0;

  // Lets on_loop() of `event` run on the loop thread. From any thread. The event must live until
  // then, and is not posted again before.
  virtual void post(Event& event) = 0;
  // Forgets a posted event, if it was. Loop thread.
  virtual void withdraw(Event& event) = 0;

  virtual std::unique_ptr<Workers> start_workers(std::string name, int threads) = 0;

  // One line for the log; never blocks. From any thread. The bound and what is lost beyond it are
  // the implementation's.
  virtual void log(Severity severity, std::string_view line) = 0;
};

}  // namespace gangd
