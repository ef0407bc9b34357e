// Fixture: what holds the boards: clamps, power, lamps. Two implementations: BareFixture, and the
// simulated one, which jams and remembers its lamps.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/verdict.h"
#include "loop/task.h"

namespace gangd {

// What is shown of an attempt that has ended.
struct Lamp {
  Verdict verdict = Verdict::kUnknown;
  bool is_qualified = false;  // its kind of board is; else it says UNQUALIFIED beside the verdict
};

class Fixture {
 public:
  virtual ~Fixture() = default;

  // Before a board is opened. An error ends the attempt.
  virtual Task<Status> prepare(std::string slot) = 0;
  // A verdict, which is durable; nothing: dark, for the slot is empty or at work.
  virtual void show(const std::string& slot, std::optional<Lamp> lamp) = 0;
};

// Boards on cables.
class BareFixture final : public Fixture {
 public:
  Task<Status> prepare(std::string) override { co_return Status(); }
  void show(const std::string&, std::optional<Lamp>) override {}
};

}  // namespace gangd
