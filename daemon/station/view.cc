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

}  // namespace gangd
