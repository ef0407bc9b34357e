// What the station shows of itself: plain values, for whoever asks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/verdict.h"
#include "ledger/event.h"

namespace gangd {

enum class SlotState {
  kEmpty,      // nothing is plugged in
  kForeign,    // what is plugged in is not a board of the job's product
  kWaiting,    // a board, and no job that would take it
  kRunning,    // an attempt is going on
  kRecording,  // it has ended, and its verdict is not yet durable
  kEnded,      // the verdict stands until the board has gone, or if it was pulled before, until
               // another comes
};

std::string_view slot_state_name(SlotState state);

// Whether somebody must say, or has said, that the slot's FAIL was seen.
enum class Acknowledgement {
  kNone,
  kWanted,  // until then the verdict stands, and the slot takes no board
  kGiven,
};

std::string_view acknowledgement_name(Acknowledgement acknowledgement);

// A verdict, and what led to it. Exists only when its event is durable.
struct AttemptOutcome {
  EventId attempt;
  EventId event;  // of its end
  std::string slot;
  std::string uid;
  std::vector<UnitNumber> numbers;
  Verdict verdict = Verdict::kUnknown;
  std::string code;    // as in the record; empty with PASS
  std::string reason;  // for a person; empty with PASS
  std::string step;
  std::uint64_t duration_us = 0;
  std::vector<Extent> expected;
  std::vector<Extent> measured;
  std::vector<Extent> measured_as_booted;
  std::string proof;  // as in the record
  std::string loader;
  std::uint64_t bytes_found_same = 0;
  std::uint64_t bytes_found_blank = 0;
  // Stands beside the verdict: the BoardQualified in force for this kind of board; {0, 0}:
  // UNQUALIFIED.
  EventId qualification;
  BoardKey key;
};

// `event`: of the end. `image`: what is the same in every unit.
AttemptOutcome make_outcome(const AttemptStarted& started, const std::vector<Extent>& image,
                            const AttemptEnded& end, EventId event);

struct SlotView {
  std::string name;
  std::string path;
  SlotState state = SlotState::kEmpty;
  std::string hint;                // what keeps it from going on, if anything does
  std::optional<EventId> job;      // that has this slot
  std::optional<EventId> attempt;  // that is going on, or ended last
  std::string uid;
  std::vector<UnitNumber> numbers;
  std::string step;              // while it runs: `write`
  std::uint64_t bytes_done = 0;  // of the step
  std::uint64_t bytes_total = 0;
  std::optional<AttemptOutcome> outcome;  // with kEnded
  Acknowledgement acknowledgement = Acknowledgement::kNone;
  int row = 0;  // where the slot lies in the fixture, from 1 at the top left; 0: nobody said
  int column = 0;
  std::uint64_t revision = 0;  // grows with each change of this slot
};

struct JobView {
  EventId id;
  std::string product;
  std::vector<std::string> slots;
  bool once = false;
  std::string work_order;
  std::uint64_t quantity = 0;  // units that are to pass; 0: any number
  bool running = false;
  std::string reason;  // why it ended
  std::uint64_t passed = 0;
  std::uint64_t passed_unqualified = 0;  // of them
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;
};

struct StationView {
  std::string name;
  std::string version;
  std::string ledger;   // its file
  bool taking = false;  // boards: the ledger is in order
  std::string trouble;  // what a person must do, if anything
  // What keeps reports or numbers from going to and fro, if anything does; none is lost by it.
  std::string mes_trouble;
  std::vector<std::string> products;
};

}  // namespace gangd
