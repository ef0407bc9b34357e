// Station: slots, and the jobs that run in them. A board that is plugged into a slot of a running
// job is programmed; each attempt ends in one verdict, which is shown when it is durable.
// All functions belong to the loop thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/ledger.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/signal.h"
#include "loop/task.h"
#include "recipe/products.h"
#include "station/counters.h"
#include "station/fixture.h"
#include "station/job.h"
#include "station/mes_link.h"
#include "station/outbox.h"
#include "station/qualification.h"
#include "station/records.h"
#include "station/serial_supply.h"
#include "station/slot.h"
#include "station/station_config.h"
#include "station/view.h"
#include "usb/usb.h"

namespace gangd {

// An order to begin. `request` makes it idempotent, across restarts: the same one leads to the same
// job; with another content it is kInvalid.
struct StartJob {
  std::string request;
  std::string role;
  std::string product;
  std::vector<std::string> slots;  // empty: all
  bool once = false;               // each slot takes one board, then the job ends
  std::string subject = {};        // of the certificate of who asks; empty for a socket
  std::string work_order = {};     // the MES's name for it, if it has one
  std::uint64_t quantity = 0;      // so many units are to pass, then the job ends; 0: any number
  EventId qualification = {};      // that it is part of; {0, 0}: none
  bool full = false;               // all is erased and written, whatever is there already
};

struct StopJob {
  std::string request;
  std::string role;
  EventId job;
  std::string subject = {};
};

// Somebody has seen that `attempt` failed in `slot`.
struct AcknowledgeSlot {
  std::string request;
  std::string role;
  std::string slot;
  EventId attempt;
  std::string subject = {};
};

class Station {
 public:
  // Everything that is passed must outlive it.
  Station(Loop& loop, Usb& usb, Ledger& ledger, MesLink& mes, Fixture& fixture, Products& products,
          StationConfig config, std::string version);
  // After stop().
  ~Station();

  // Opens the ledger, marks as UNKNOWN what the life before left open, and begins to watch the bus.
  // An error: this station cannot work, and says why.
  Task<Status> start();
  // Ends every job and attempt, and waits for that. co_await before destruction.
  Task<> stop();

  // kInvalid, kNotFound: the order is wrong, with what to do. kBusy: another job has the slot.
  // kIo: the ledger is out of order. Durable when it returns.
  Task<Result<EventId>> start_job(StartJob order);
  // Success also when it has ended already. Returns when its attempts have.
  Task<Status> stop_job(StopJob order);

  Qualifications& qualifications() { return qualifications_; }

  // Durable when it returns. kIo: the ledger is out of order.
  Task<Status> record_denial(AccessDenied denial);
  // kNotFound: the slot does not show this FAIL. Success also when it was acknowledged already.
  // Durable when it returns.
  Task<Status> acknowledge(AcknowledgeSlot order);

  StationView view() const;
  std::vector<SlotView> slots() const;
  // Of this life of the daemon, the newest last; older ones are in the ledger.
  std::vector<JobView> jobs() const;
  // Of this life, too.
  StationCounters counters() const;

  // Grows with each change of what is shown.
  std::uint64_t revision() const { return revision_; }
  // Waits until revision() is another than `seen`. Whoever is slow sees the newest only; what may
  // not be missed (verdicts) is in the ledger, to be read after a cursor.
  Task<Status> changed(std::uint64_t seen);

 private:
  Task<Status> restore_fails();
  Task<> watch_slots();
  Task<> watch_bus();
  Task<> watch_products();
  void look_at_slots();
  void end_jobs();
  Task<> end_job(Job& job);
  Task<Status> all_jobs_ended();

  Task<Result<EventId>> start_new_job(StartJob order);
  Status check_previous(const StartJob& order, const Entry& entry) const;
  Result<std::vector<std::string>> resolve_slots(const StartJob& order) const;
  Status check_free(const std::vector<std::string>& slots) const;
  Job& add_job(EventId id, const StartJob& order, std::unique_ptr<Recipe> recipe);
  Job* find_job(EventId id);
  Job* job_of_slot(const std::string& slot);
  // Of a qualification: waits, and stops one that gets no board.
  Task<Status> job_ended(EventId id);
  Result<std::vector<UsbPath>> paths_of(const std::string& slot) const;
  Result<Slot*> find_slot(const std::string& name) const;
  // Whether the product's numbers can be had here.
  Status check_serial(const Product& product) const;
  void shown();
  void look();
  Task<> look_later();

  Loop& loop_;
  Usb& usb_;
  Products& products_;
  const StationConfig config_;
  const std::string version_;
  MesLink& mes_;
  Records records_;
  SerialSupply serials_;
  Outbox outbox_;
  StationCounters counters_;
  Scope recording_;
  Scope watching_;
  Floor floor_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<std::unique_ptr<Job>> jobs_;  // in order of their start
  std::set<std::string> requests_;          // that are being worked on
  std::set<std::string> slots_taken_;       // by a job that is being started
  Qualifications qualifications_;
  std::vector<std::string> product_names_;
  bool stopping_ = false;

  std::uint64_t looks_wanted_ = 0;
  Signal look_;
  std::uint64_t revision_ = 0;
  Signal shown_;
};

}  // namespace gangd
