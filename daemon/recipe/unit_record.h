// UnitRecord: where a recipe writes down what it does with one unit. It knows no database; the
// station's keeps it in the ledger.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "loop/task.h"

namespace gangd {

struct BegunUnit {
  std::string serial;  // the one it had, or a new one; empty if the product has none
  // The last work on it ended well, or it is new and comes blank: what reads as blank is blank.
  bool blank_is_true = false;
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
