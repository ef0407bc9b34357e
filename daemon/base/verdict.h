// What is said of a unit in the end.
#pragma once

#include <optional>
#include <string_view>

namespace gangd {

enum class Verdict {
  kPass,     // every byte that should be in the unit was measured in it, after the last write
  kFail,     // the board or its bus did not get there, and we saw it
  kUnknown,  // nobody saw the end: gangd was stopped, killed, or could not write its ledger
};

// What stands beside the verdict of a unit whose kind of board nobody has qualified: emulation is
// no silicon.
inline constexpr std::string_view kUnqualified = "UNQUALIFIED";

// PASS, FAIL, UNKNOWN: so it is recorded and shown.
std::string_view verdict_name(Verdict verdict);
std::optional<Verdict> verdict_named(std::string_view name);

}  // namespace gangd
