// Step: one verb of a recipe, such as `erase`. A new one is a file in steps/ and a line in
// steps.cc.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/extent.h"
#include "recipe/product.h"
#include "recipe/unit_record.h"
#include "recipe/work_plan.h"
#include "wire/wire.h"

namespace gangd {

class BoardPlace;
class Image;
class Packing;

// A part of what belongs into one unit. The bytes are the image's, or the unit's own.
struct UnitPart {
  Extent extent;
  ByteView bytes;
  std::vector<std::uint32_t> digests;  // block_digests() of them
};

// One unit while it is worked on. Each step finds here what those before it have left.
struct Unit {
  UsbConnection* connection;  // to the board as it is now
  UnitRecord& record;
  const Product& product;
  const Image& image;
  Packing& packing;
  ByteView loader_image;  // of the product's [loader]
  BoardPlace* place;      // null: the board cannot leave the bus and come back

  std::unique_ptr<UsbConnection> reopened = nullptr;  // when it has come back
  std::unique_ptr<Wire> wire = nullptr;               // from `load` or `identify` on
  ByteVector serial_field = {};                       // what `parts` points into
  std::vector<UnitPart> parts = {};
  std::deque<ByteVector> padded = {};  // what `plan` points into, of parts that end within a unit
  Erase erase = Erase::kAll;
  WorkPlan plan = {};
  Nonce nonce{};
  std::vector<Extent> measured = {};
  std::vector<Extent> measured_as_booted = {};
  std::string proof = {};                   // of it: `device`, `readback` or `both`
  std::optional<Sha256Digest> loader = {};  // that has measured
  std::uint64_t step_done = 0;              // bytes
  std::uint64_t step_told = 0;
  std::uint64_t bytes_written = 0;

  std::uint64_t bytes() const;  // of all parts
  // Tells the record what the step is called and how far it is, over all parts. One at a time.
  Progress progress_of(std::string_view step, std::uint64_t total);
};

class Step {
 public:
  virtual ~Step() = default;

  virtual std::string_view verb() const = 0;
  virtual Task<Status> run(Unit& unit) const = 0;
};

// By its verb; null if there is none.
const Step* find_step(std::string_view verb);
std::vector<std::string> step_verbs();

}  // namespace gangd
