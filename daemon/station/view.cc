#include "station/view.h"

namespace gangd {

std::string_view slot_state_name(SlotState state) {
  switch (state) {
    case SlotState::kEmpty:
      return "empty";
    case SlotState::kForeign:
      return "foreign";
    case SlotState::kWaiting:
      return "waiting";
    case SlotState::kRunning:
      return "running";
    case SlotState::kRecording:
      return "recording";
    case SlotState::kEnded:
      return "ended";
  }
  return "empty";
}

AttemptOutcome make_outcome(const AttemptStarted& started, const std::vector<Extent>& image,
                            const AttemptEnded& end, EventId event) {
  AttemptOutcome outcome;
  outcome.attempt = end.attempt;
  outcome.event = event;
  outcome.slot = started.slot;
  outcome.uid = started.uid;
  outcome.numbers = started.numbers;
  outcome.verdict = end.verdict;
  outcome.code = end.code;
  outcome.reason = end.reason;
  outcome.step = end.step;
  outcome.duration_us = end.duration_us;
  outcome.expected = image;
  outcome.expected.insert(outcome.expected.end(), started.unit_extents.begin(),
                          started.unit_extents.end());
  outcome.measured = end.measured;
  outcome.measured_as_booted = end.measured_as_booted;
  outcome.proof = end.proof;
  outcome.loader = end.loader;
  outcome.bytes_found_same = end.bytes_found_same;
  outcome.bytes_found_blank = end.bytes_found_blank;
  outcome.qualification = end.qualification;
  outcome.key = end.key();
  return outcome;
}

std::string_view acknowledgement_name(Acknowledgement acknowledgement) {
  switch (acknowledgement) {
    case Acknowledgement::kNone:
      return "none";
    case Acknowledgement::kWanted:
      return "wanted";
    case Acknowledgement::kGiven:
      return "given";
  }
  return "wanted";
}

}  // namespace gangd
