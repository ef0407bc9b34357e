// Slot: one place for a board, and the attempt that goes on in it. Whoever owns it calls look()
// when something may have changed; everything that takes time runs in the two scopes.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "loop/loop.h"
#include "loop/scope.h"
#include "recipe/board_place.h"
#include "station/counters.h"
#include "station/fixture.h"
#include "station/job.h"
#include "station/ledger_unit_record.h"
#include "station/mes_link.h"
#include "station/records.h"
#include "station/serial_supply.h"
#include "station/station_config.h"
#include "station/view.h"
#include "usb/usb.h"

namespace gangd {

// What all slots of a station share.
struct Floor {
  Loop& loop;
  Usb& usb;
  Records& records;
  MesLink& mes;
  SerialSupply& serials;
  Fixture& fixture;
  // Records that are being made: never cancelled, for every attempt stays on record.
  Scope& recording;
  StationCounters& counters;
  // Where boards of any slot are seen.
  std::set<UsbPath> paths;
  // A FAIL stands until somebody acknowledges it.
  bool fails_are_acknowledged;
  // The view has changed; `look`: and the slots must be looked at again.
  std::function<void()> shown;
  std::function<void()> look;
  // The same, kHoldPause from now.
  std::function<void()> look_later;
};

// A board that waits for somebody's answer is tried again after so long.
constexpr Duration kHoldPause = std::chrono::seconds(5);

class Slot {
 public:
  Slot(Floor& floor, SlotConfig config);
  // Nothing may be going on in it.
  ~Slot();

  // `job` is the one that has this slot, or null. Looks at what is plugged in, and begins an
  // attempt when one is due. Called by one task only, in which the attempts then run.
  void look(Job* job);

  // A FAIL of the life before that nobody has acknowledged stands here again.
  void restore(AttemptOutcome outcome);
  // kNotFound: it shows no such FAIL (any more).
  Status shows_fail(EventId attempt) const;
  // Somebody has seen this attempt's FAIL, and that is durable. Another than the one shown:
  // nothing.
  void acknowledge(EventId attempt);

  const std::string& name() const { return config_.name; }
  // Of its board's connectors.
  const std::vector<UsbPath>& paths() const { return place_.paths(); }
  const SlotView& view() const { return view_; }
  bool is_working_for(const Job& job) const { return job_ == &job; }

 private:
  enum class Phase { kIdle, kWorking, kWorked, kRecording };

  // What stops it, for this job; or empty.
  std::string stop_hint(const Job* job);
  std::string stop_text() const;
  void wait_for_board(const UsbDevice* device, Job* job);
  void empty_slot(const std::string& stop);
  // What is shown of the last board, and its lamp.
  void forget_board();
  bool is_held(const UsbDevice& device) const;
  bool is_due(const UsbDevice& device, const Job* job);
  // Why an attempt of this product cannot begin with this device; empty: it can.
  std::string why_foreign(const UsbDevice& device, const Product& product) const;
  void begin(const UsbDevice& device, Job& job);
  Task<> work(UsbDevice device);
  Task<Attempt> program(UsbDevice device);
  Task<Result<std::unique_ptr<UsbConnection>>> open_board(UsbDevice device);
  Task<> record();
  // The attempt could not begin: nothing is changed in the board, nothing is on record.
  void hold();
  AttemptEnded end_of_attempt() const;
  void finish(const AttemptEnded& end, EventId event);
  void show(AttemptOutcome outcome);
  SlotView blank_view() const;
  void set_state(SlotState state, std::string hint);
  void shown();

  Floor& floor_;
  const SlotConfig config_;
  BoardPlace place_;
  SlotView view_;
  Phase phase_ = Phase::kIdle;

  // The attempt that goes on.
  Job* job_ = nullptr;
  Instant began_;
  Duration took_{};
  std::optional<Scope> working_;
  std::optional<LedgerUnitRecord> unit_;
  Attempt attempt_;

  // A board that waits for the MES, and until when; new numbers end it, too.
  std::uint64_t held_arrival_ = 0;
  std::uint64_t held_leases_ = 0;
  Instant held_until_;

  // The attempt that was last, whose verdict stands until its board has gone.
  std::uint64_t done_arrival_ = 0;
  bool seen_since_end_ = false;  // the board was still there when the verdict was shown
  bool pulled_ = false;          // the board has gone, even if the bus tells so a moment later
  EventId done_job_;

  // What is on record speaks against a board that was here: until a person has looked into it and
  // started another job, no board is taken.
  std::optional<EventId> stopped_job_;
  std::string stopped_why_;
};

}  // namespace gangd
