// A job: an order to program what is plugged into some slots.
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "recipe/recipe.h"
#include "station/role.h"
#include "station/view.h"

namespace gangd {

struct Job {
  JobView view;
  std::unique_ptr<Recipe> recipe;    // null when it has ended: images are large
  std::set<std::string> slots_done;  // that have had a verdict in it
  std::set<std::string> units;       // that have passed
  std::uint64_t at_work = 0;         // attempts
  bool full = false;                 // all is written, whatever is there already
  bool stopping = false;             // somebody asked for its end
  bool ending = false;               // the end is being recorded
  std::string stop_request;
  Caller stop_caller;

  bool has_slot(const std::string& slot) const {
    return std::ranges::find(view.slots, slot) != view.slots.end();
  }
  // It takes no more boards in this slot.
  bool is_done_with(const std::string& slot) const {
    return stopping || is_complete() || (view.once && slots_done.contains(slot));
  }
  // As many units have passed as were ordered.
  bool is_complete() const { return view.quantity > 0 && units.size() >= view.quantity; }
  // No more are begun while those at work may complete it.
  bool may_be_complete() const {
    return view.quantity > 0 && units.size() + at_work >= view.quantity;
  }
};

}  // namespace gangd
