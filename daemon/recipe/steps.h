// Every step there is, as steps.cc lists them.
#pragma once

#include "recipe/step.h"

namespace gangd {

// Of a board that is in its ROM: puts the product's loader into its RAM, starts it, follows the
// board to where it comes back, and makes sure that it is this board and this start. Before
// `identify`; nothing in the board's flash is changed.
class LoadStep final : public Step {
 public:
  std::string_view verb() const override { return "load"; }
  Task<Status> run(Unit& unit) const override;
};

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

// Measures every part. The last that is done to a board's memory, for it is what the verdict is
// made of.
class VerifyStep final : public Step {
 public:
  std::string_view verb() const override { return "verify"; }
  Task<Status> run(Unit& unit) const override;
};

// Lets the board start its application, and sees it leave, and come as what the application is on
// the bus. Behind `verify`.
class StartStep final : public Step {
 public:
  std::string_view verb() const override { return "start"; }
  Task<Status> run(Unit& unit) const override;
};

}  // namespace gangd
