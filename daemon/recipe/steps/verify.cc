#include "recipe/steps.h"

namespace gangd {
namespace {

// A device that cannot measure is read.
Verify way_of(const Unit& unit) {
  return unit.wire->measures() ? unit.product.verify : Verify::kReadback;
}

Task<Result<Sha256Digest>> measure_by_device(Unit& unit, Extent extent, Progress progress) {
  CO_TRY(const DeviceProof proof,
         co_await unit.wire->measure(extent.address, extent.size, unit.nonce, progress));
  if (unit.loader && *unit.loader != proof.loader) {
    co_return Error(Code::kDevice, "the device says that it runs another program than before");
  }
  unit.loader = proof.loader;
  co_return proof.digest;
}

Task<Result<Sha256Digest>> measure(Unit& unit, Extent extent, Progress progress) {
  const Verify way = way_of(unit);
  if (way == Verify::kDevice) co_return co_await measure_by_device(unit, extent, progress);
  CO_TRY(const Sha256Digest read,
         co_await unit.wire->read_back(extent.address, extent.size, progress));
  if (way == Verify::kReadback) co_return read;
  CO_TRY(const Sha256Digest measured, co_await measure_by_device(unit, extent, progress));
  if (measured == read) co_return read;
  co_return Error(Code::kMismatch, "the device measures something else than it sends");
}

}  // namespace

// Everything is measured even if a part is wrong: the record shall say which.
Task<Status> VerifyStep::run(Unit& unit) const {
  const Verify way = way_of(unit);
  unit.proof = way == Verify::kDevice ? "device" : way == Verify::kReadback ? "readback" : "both";
  const Progress progress =
      unit.progress_of(verb(), way == Verify::kBoth ? 2 * unit.bytes() : unit.bytes());
  Status outcome;
  for (const UnitPart& part : unit.parts) {
    auto digest = co_await measure(unit, part.extent, progress);
    if (!digest) co_return std::move(digest).error().with_context(part.extent.name);
    Extent measured = part.extent;
    measured.digest = *digest;
    if (outcome && measured.digest != part.extent.digest) {
      outcome = Error(Code::kMismatch, "{}: the memory holds something else than was written",
                      part.extent.name);
    }
    unit.measured.push_back(std::move(measured));
  }
  co_return outcome;
}

}  // namespace gangd
