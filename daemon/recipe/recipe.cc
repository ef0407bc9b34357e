#include "recipe/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/toml_table.h"
#include "loop/deadline.h"
#include "loop/this_loop.h"
#include "target_fw/mailbox.h"
#include "wire/ram_start.h"

namespace gangd {
namespace {

constexpr Duration kTraceLimit = std::chrono::seconds(5);

// `load` and `start` go with their tables, and stand at the two ends.
Status check_stages(const Product& product, std::vector<const Step*>& steps) {
  const bool loads = !steps.empty() && steps.front()->verb() == "load";
  const bool starts = !steps.empty() && steps.back()->verb() == "start";
  if (loads != product.loader.has_value()) {
    return Error(Code::kInvalid, "product \"{}\": {}", product.name,
                 loads ? "the step \"load\" needs a table [loader]"
                       : "with a table [loader], the first step must be \"load\"");
  }
  if (starts != product.start.has_value()) {
    return Error(Code::kInvalid, "product \"{}\": {}", product.name,
                 starts ? "the step \"start\" needs a table [start]"
                        : "with a table [start], the last step must be \"start\"");
  }
  if (loads) steps.erase(steps.begin());
  if (starts) steps.pop_back();
  return {};
}

Status check_order(const Product& product, std::vector<const Step*> steps) {
  TRY_STATUS(check_stages(product, steps));
  const bool is_right = !steps.empty() && steps.front()->verb() == "identify" &&
                        steps.back()->verb() == "verify" &&
                        std::ranges::none_of(steps, [](const Step* step) {
                          return step->verb() == "load" || step->verb() == "start";
                        });
  if (is_right) return {};
  return Error(Code::kInvalid,
               "product \"{}\": its steps must begin with \"identify\" and end with \"verify\"; "
               "only \"load\" may stand before, and \"start\" behind them",
               product.name);
}

Status check_loader(const Product& product, const ByteVector& bytes) {
  if (!product.loader) return {};
  const ProductLoader& loader = *product.loader;
  const Sha256Digest digest = sha256(bytes);
  if (digest != loader.digest) {
    return Error(Code::kInvalid,
                 "product \"{}\": loader {} has the SHA-256 {}, and the product wants {}: use the "
                 "file that was approved, or approve this one by its hash",
                 product.name, loader.file, digest.hex(), loader.digest.hex());
  }
  const bool apart = loader.address + std::uint64_t{bytes.size()} <= loader.mailbox ||
                     loader.mailbox + std::uint64_t{MAILBOX_SIZE} <= loader.address;
  if (bytes.empty() || bytes.size() % kRomWriteUnit != 0 || !apart) {
    return Error(Code::kInvalid,
                 "product \"{}\": loader {} has {} bytes; it must be a multiple of {}, and not "
                 "reach its mailbox at 0x{:08x}",
                 product.name, loader.file, bytes.size(), kRomWriteUnit, loader.mailbox);
  }
  return {};
}

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
  TRY_STATUS(check_order(product, steps));
  return steps;
}

// Of a board that says that it could not, or holds something else, an engineer asks first how its
// flash behaves. The verdict is what it is, whatever comes of this.
Task<> tell_of_flash(Unit& unit, Code code) {
  if (unit.wire == nullptr || (code != Code::kDevice && code != Code::kMismatch)) co_return;
  const auto words = co_await with_timeout(kTraceLimit, unit.wire->flash_words());
  if (!words) co_return;
  Loop& loop = co_await ThisLoop();
  for (const std::string& each : *words) {
    loop.log(Severity::kInfo, "{}: {}", unit.connection->device().path.to_string(), each);
  }
}

bool is_among(const Extent& extent, const std::vector<Extent>& measured) {
  return std::ranges::find(measured, extent) != measured.end();
}

// Why the unit is no PASS; success only if all that should be there was measured.
Status judge(const Unit& unit) {
  if (unit.parts.empty()) return Error(Code::kMismatch, "nothing was to be written");
  for (const UnitPart& part : unit.parts) {
    const bool boots = unit.product.verify_as_booted && unit.wire->boots_from(part.extent.address);
    if (!is_among(part.extent, unit.measured) ||
        (boots && !is_among(part.extent, unit.measured_as_booted))) {
      return Error(Code::kMismatch, "{} was not measured to be right", part.extent.name);
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Recipe>> Recipe::make(Product product, Image image, Workers& workers,
                                             ByteVector loader) {
  TRY(std::vector<const Step*> steps, find_steps(product));
  TRY_STATUS(check_loader(product, loader));
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
  return std::unique_ptr<Recipe>(new Recipe(std::move(product), std::move(image), std::move(steps),
                                            workers, std::move(loader)));
}

Recipe::Recipe(Product product, Image image, std::vector<const Step*> steps, Workers& workers,
               ByteVector loader)
    : product_(std::move(product)),
      image_(std::move(image)),
      loader_(std::move(loader)),
      steps_(std::move(steps)),
      packing_(std::make_unique<Packing>(workers, image_)) {}

Task<Attempt> Recipe::run(UsbConnection& connection, UnitRecord& record, BoardPlace* place) const {
  Unit unit = {.connection = &connection,
               .record = record,
               .product = product_,
               .image = image_,
               .packing = *packing_,
               .loader_image = loader_,
               .place = place};
  Attempt attempt;
  Status status = co_await with_timeout(std::chrono::minutes(product_.minutes_max),
                                        run_steps(unit, steps_, attempt.step));
  if (!status) co_await tell_of_flash(unit, status.error().code());
  if (status) status = judge(unit);
  attempt.measured = std::move(unit.measured);
  attempt.measured_as_booted = std::move(unit.measured_as_booted);
  attempt.proof = std::move(unit.proof);
  attempt.loader = unit.loader;
  attempt.bytes_written = unit.bytes_written;
  attempt.bytes_found_same = unit.plan.bytes_same;
  if (unit.wire != nullptr) {
    attempt.bytes_found_blank = unit.wire->bytes_found_blank();
    attempt.kind = unit.wire->kind();
  }
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
