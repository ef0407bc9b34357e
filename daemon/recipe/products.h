// Products: where recipes come from. Two implementations: the station's files, and those that a
// simulation makes up.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "loop/task.h"
#include "recipe/recipe.h"

namespace gangd {

class Products {
 public:
  virtual ~Products() = default;

  // As they can be given to load().
  virtual Task<Result<std::vector<std::string>>> names() = 0;
  // Read anew each time: what a process engineer has changed counts from the next job on.
  // kNotFound, with those that there are; kInvalid, with file and line.
  virtual Task<Result<std::unique_ptr<Recipe>>> load(std::string name) = 0;
};

}  // namespace gangd
