#include "recipe/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/toml_table.h"
#include "loop/deadline.h"

namespace gangd {
namespace {

Result<std::vector<const Step*>> find_steps(const Product& product) {
  std::vector<const Step*> steps;
  for (const std::string& verb : product.steps) {
    const Step* step = find_step(verb);
    if (step == nullptr) {
      const std::string nearest = nearest_word(verb, step_verbs());
      return Error(Code::kInvalid, "product \"{}\": there is no step \"{}\"; {}", product.name,
                   verb,
                   nearest.empty() ? fmt::format("there are: {}", fmt::join(step_verbs(), ", "))
                                   : fmt::format("did you mean \"{}\"?", nearest));
    }
    // A second `identify` would put the attempt on record twice.
    if (step == find_step("identify") && std::ranges::find(steps, step) != steps.end()) {
      return Error(Code::kInvalid, "product \"{}\": the step \"{}\" is there twice", product.name,
                   verb);
    }
    steps.push_back(step);
  }
  if (steps.empty() || steps.front()->verb() != "identify" || steps.back()->verb() != "verify") {
    return Error(Code::kInvalid,
                 "product \"{}\": its steps must begin with \"identify\" and end with \"verify\"",
                 product.name);
  }
  return steps;
}

// Why the unit is no PASS; success only if all that should be there was measured.
Status judge(const Unit& unit) {
  if (unit.parts.empty()) return Error(Code::kMismatch, "nothing was to be written");
  for (const UnitPart& part : unit.parts) {
    if (std::ranges::find(unit.measured, part.extent) == unit.measured.end()) {
      return Error(Code::kMismatch, "{} was not measured to be right", part.extent.name);
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Recipe>> Recipe::make(Product product, Image image, Workers& workers) {
  TRY(std::vector<const Step*> steps, find_steps(product));
  if (product.serial) {
    const ProductSerial& serial = *product.serial;
    for (const Extent& extent : image.extents()) {
      const bool apart = serial.address + std::uint64_t{serial.size} <= extent.address ||
                         extent.address + extent.size <= serial.address;
      if (!apart) {
        return Error(Code::kInvalid, "product \"{}\": the serial's field lies over {}",
                     product.name, extent.name);
      }
    }
  }
  return std::unique_ptr<Recipe>(
      new Recipe(std::move(product), std::move(image), std::move(steps), workers));
}

Recipe::Recipe(Product product, Image image, std::vector<const Step*> steps, Workers& workers)
    : product_(std::move(product)),
      image_(std::move(image)),
      steps_(std::move(steps)),
      packing_(std::make_unique<Packing>(workers, image_)) {}

Task<Attempt> Recipe::run(UsbConnection& connection, UnitRecord& record) const {
  Unit unit = {.connection = connection,
               .record = record,
               .product = product_,
               .image = image_,
               .packing = *packing_};
  Attempt attempt;
  Status status = co_await with_timeout(std::chrono::minutes(product_.minutes_max),
                                        run_steps(unit, steps_, attempt.step));
  if (status) status = judge(unit);
  attempt.measured = std::move(unit.measured);
  attempt.proof = std::move(unit.proof);
  attempt.loader = unit.loader;
  attempt.bytes_written = unit.bytes_written;
  attempt.bytes_found_same = unit.plan.bytes_same;
  if (unit.wire != nullptr) attempt.bytes_found_blank = unit.wire->bytes_found_blank();
  if (status) {
    attempt.verdict = Verdict::kPass;
    attempt.step.clear();
    co_return attempt;
  }
  const bool seen = status.error().code() != Code::kCancelled;
  attempt.verdict = seen ? Verdict::kFail : Verdict::kUnknown;
  attempt.error = std::move(status).error();
  co_return attempt;
}

Task<Status> Recipe::run_steps(Unit& unit, const std::vector<const Step*>& steps,
                               std::string& step) {
  for (const Step* each : steps) {
    step = each->verb();
    CO_TRY_STATUS((co_await each->run(unit)).with_context(step));
  }
  co_return Status();
}

}  // namespace gangd
