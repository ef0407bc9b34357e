// Recipe: a product with its images loaded, and what is done with each of its units.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/verdict.h"
#include "image/image.h"
#include "loop/port.h"
#include "recipe/packing.h"
#include "recipe/step.h"

namespace gangd {

// How an attempt ended.
struct Attempt {
  Verdict verdict = Verdict::kUnknown;
  std::optional<Error> error;  // none with PASS
  std::string step;            // where it ended; empty with PASS
  std::vector<Extent> measured;
  std::vector<Extent> measured_as_booted;  // once more, as the application will read it
  std::uint64_t bytes_written = 0;
  std::uint64_t bytes_found_same = 0;   // that were to be written, and were there
  std::uint64_t bytes_found_blank = 0;  // that were to be erased, and were not
  std::string proof;                    // `device`, `readback` or `both`: how it was measured
  std::optional<Sha256Digest> loader;   // the program of the device that has measured
  BoardKind kind;                       // what the board says that it is
};

class Recipe {
 public:
  // kInvalid: a step that there is not, or in an order that could not prove anything; a loader that
  // is not the product's. The workers, which must outlive it, pack the image.
  static Result<std::unique_ptr<Recipe>> make(Product product, Image image, Workers& workers,
                                              ByteVector loader = {});

  const Product& product() const { return product_; }
  const Image& image() const { return image_; }

  // Works on one board. Always comes to an end: a verdict, and never PASS unless every part was
  // measured to be what it should. The recipe must outlive the task. `place`: where the board is
  // seen again when it leaves the bus and comes back; null: it cannot.
  Task<Attempt> run(UsbConnection& connection, UnitRecord& record,
                    BoardPlace* place = nullptr) const;

 private:
  Recipe(Product product, Image image, std::vector<const Step*> steps, Workers& workers,
         ByteVector loader);

  static Task<Status> run_steps(Unit& unit, const std::vector<const Step*>& steps,
                                std::string& step);

  const Product product_;
  const Image image_;
  const ByteVector loader_;
  const std::vector<const Step*> steps_;
  const std::unique_ptr<Packing> packing_;
};

}  // namespace gangd
