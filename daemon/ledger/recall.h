// Which units have, or may have, an image in them. Blocks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ledger/event.h"

namespace gangd {

// Whatever is not certain is kMayCarry.
enum class Carries {
  kYes,  // its newest attempt measured the image in it
  kMay,  // an attempt was to write it, or measured it, and no later one ended in PASS without it
  kReplaced,  // its newest attempt ended in PASS, with something else
};

// `carries`, `may carry`, `replaced`.
std::string_view carries_word(Carries carries);

struct RecalledUnit {
  std::string uid;
  std::vector<UnitNumber> numbers;
  Carries carries = Carries::kMay;
  EventId last_attempt;
  UtcTime last_at;                      // when that began
  std::optional<Verdict> last_verdict;  // nothing while it is going on
  EventId last_qualification;           // {0, 0}: UNQUALIFIED
};

// Visits each unit that ever had to do with the image, in the order of UIDs, one at a time; ends
// with the first error of the visitor. kNotFound: no job and no measurement knows this image.
Status recall(const std::string& ledger, const Sha256Digest& image,
              const std::function<Status(const RecalledUnit&)>& visit);

}  // namespace gangd
