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
  bool stopping = false;             // somebody asked for its end
  bool ending = false;               // the end is being recorded
  std::string stop_request;
  Caller stop_caller;

  bool has_slot(const std::string& slot) const {
    return std::ranges::find(view.slots, slot) != view.slots.end();
  }
  // It takes no more boards in this slot.
  bool is_done_with(const std::string& slot) const {
    return stopping || (view.once && slots_done.contains(slot));
  }
};

}  // namespace gangd
