// UnitRecord: where a recipe writes down what it does with one unit. It knows no database; the
// station's keeps it in the ledger.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "loop/task.h"
#include "wire/wire.h"

namespace gangd {

// What is known of a unit's flash before anything is done to it.
enum class Cells {
  kUnknown,  // an operation may have been cut: cells may read right and not hold
  kFresh,    // as its maker delivers it: what reads as blank is blank
  kSound,    // all work on it ended well, or was done anew: what reads right is right
};

struct BegunUnit {
  std::string serial;  // the one it had, or a new one; empty if the product has none
  Cells cells = Cells::kUnknown;
  Nonce nonce{};  // what the device's proof must carry
};

class UnitRecord {
 public:
  virtual ~UnitRecord() = default;

  // The board is known, and nothing in it has been changed. Returns when the attempt is durable.
  // An error: this board must not be touched now.
  virtual Task<Result<BegunUnit>> begin(std::string uid) = 0;

  // A step has begun or got further.
  virtual void progress(std::string_view step, std::uint64_t done, std::uint64_t total) = 0;
};

}  // namespace gangd
