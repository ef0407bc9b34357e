// Qualification: a person goes through the written procedure with one real board, and gangd asks,
// looks, measures and writes down. Emulation is no silicon: until a kind of board has been through
// this, its units say UNQUALIFIED beside their verdicts. deploy/OPERATIONS.md has the procedure for
// people. All functions belong to the loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "recipe/products.h"
#include "station/records.h"
#include "station/role.h"
#include "usb/usb.h"

namespace gangd {

struct StartJob;

// A step of the procedure. The order is that of qualification_steps().
struct QualificationStepKind {
  std::string_view name;
  std::string_view prompt;  // what a person must do; `{slot}` is the slot
  bool needs_note = false;  // and say what they saw
};
std::span<const QualificationStepKind> qualification_steps();

// An order to begin. The same `request` again leads to the same one.
struct StartQualification {
  std::string request;
  Caller caller;
  std::string person;  // who does it, as they call themselves
  std::string product;
  std::string slot;
};

// `step` is done, says who stands there.
struct DoQualificationStep {
  EventId qualification;
  Caller caller;
  std::string step;
  std::string note;  // what they saw
  // The hub switches the power of the slot's port off for so long; 0: a person has done it.
  Duration hub_off = {};
};

// Some of what a debugger has read out of the chip, in order: extents as in the view, each from its
// begin to its end.
struct DumpPiece {
  EventId qualification;
  Caller caller;
  std::size_t extent = 0;
  std::uint64_t offset = 0;
  ByteView bytes;
};

struct QualificationView {
  EventId id;
  std::string product;
  std::string slot;
  std::string person;
  std::string step;  // that comes next; empty: the board is qualified
  std::string prompt;
  bool needs_note = false;
  std::size_t step_number = 0;  // of all, from 1
  std::string trouble;          // why the step that was done last did not pass; or empty
  std::uint64_t failures = 0;
  BoardKey key;  // from `program` on
  std::string uid;
  std::vector<Extent> dump;  // with `dump`: what must be read out of the chip
  EventId qualified;         // what makes it so
};

class Qualifications {
 public:
  // What it asks of the station.
  struct Floor {
    // Where its board can be seen.
    std::function<Result<std::vector<UsbPath>>(const std::string& slot)> paths_of;
    std::function<Task<Result<EventId>>(StartJob order)> start_job;
    // Waits until the job has ended; one that gets no board is stopped.
    std::function<Task<Status>(EventId job)> job_ended;
  };

  // All that is passed must outlive it.
  Qualifications(Loop& loop, Usb& usb, Records& records, Products& products, Floor floor);
  ~Qualifications();

  // What the life before left: it goes on where it was.
  Task<Status> restore();

  // kInvalid: nothing of this product could be qualified, and why.
  Task<Result<QualificationView>> start(StartQualification order);
  // kNotFound. From here on a board must go away to count as one that was without power.
  Result<QualificationView> view(EventId id);
  std::vector<QualificationView> all();
  // An error: the step is not on record, and can be done again at once. What did not pass is on
  // record, and `trouble` of the view.
  Task<Result<QualificationView>> do_step(DoQualificationStep order);
  // With the last piece the step `dump` is on record. The bytes must stay until it has returned.
  Task<Result<QualificationView>> compare(DumpPiece piece);

 private:
  struct Going;
  class Use;

  Result<Going*> find(EventId id, std::string_view step);
  std::uint64_t arrival_at(const Going& going) const;
  QualificationView view_of(const Going& going) const;
  Status check_power(const Going& going) const;
  Task<Status> set_power(std::vector<UsbPath> paths, bool on);
  Task<Status> switch_power(Going& going, Duration off);
  Task<Result<Sha256Digest>> check_product(std::string product);
  Task<Result<QualificationView>> step_of_person(Going& going, DoQualificationStep order);
  Task<Result<QualificationView>> step_of_gangd(Going& going, DoQualificationStep order);
  Task<Result<QualificationView>> sign(Going& going, DoQualificationStep order);
  Task<Status> expect_dump(Going& going);
  Task<Result<QualificationView>> compare_piece(Going& going, DumpPiece piece);
  Task<Result<QualificationView>> note_step(Going& going, QualificationStep step);
  // The attempt of a job, and one by its id. kNotFound: there was none.
  Task<Result<EventId>> attempt_of(EventId job);
  Task<Result<AttemptOutcome>> outcome_of(EventId attempt);
  Task<Status> restore_one(OpenQualification open);

  Loop& loop_;
  Usb& usb_;
  Records& records_;
  Products& products_;
  const Floor floor_;
  std::map<EventId, std::unique_ptr<Going>> going_;
  EventId newest_;  // that was begun
  bool starting_ = false;
};

}  // namespace gangd
