// Every step there is, as steps.cc lists them.
#pragma once

#include "recipe/step.h"

namespace gangd {

// Opens the board, looks whether all of it fits, puts the attempt on record, and plans the work.
// First in every recipe, for nothing may be changed before.
class IdentifyStep final : public Step {
 public:
  std::string_view verb() const override { return "identify"; }
  Task<Status> run(Unit& unit) const override;
};

// What is planned.
class EraseStep final : public Step {
 public:
  std::string_view verb() const override { return "erase"; }
  Task<Status> run(Unit& unit) const override;
};

// What is planned.
class WriteStep final : public Step {
 public:
  std::string_view verb() const override { return "write"; }
  Task<Status> run(Unit& unit) const override;
};

// Measures every part. Last in every recipe, for it is what the verdict is made of.
class VerifyStep final : public Step {
 public:
  std::string_view verb() const override { return "verify"; }
  Task<Status> run(Unit& unit) const override;
};

}  // namespace gangd
