// MesLink: what the station asks the factory's MES. Two implementations: NoMes, and the simulated
// one, which refuses and delays.
#pragma once

#include <string>

#include "base/result.h"
#include "loop/task.h"

namespace gangd {

struct MesUnit {
  std::string uid;
  std::string product;
  std::string slot;
};

class MesLink {
 public:
  virtual ~MesLink() = default;

  // May this unit be built here now? An error is its answer, in words for an operator.
  virtual Task<Status> authorize(MesUnit unit) = 0;
};

// A station that works alone.
class NoMes final : public MesLink {
 public:
  Task<Status> authorize(MesUnit) override { co_return Status(); }
};

}  // namespace gangd
