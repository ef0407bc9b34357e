#include "recipe/steps.h"

namespace gangd {
namespace {

Verify way_of(const Unit& unit) {
  if (unit.product.verify != Verify::kBest) return unit.product.verify;
  return unit.wire->measures() ? Verify::kDevice : Verify::kReadback;
}

Task<Result<Sha256Digest>> measure_by_device(Unit& unit, Extent extent, ReadAs as,
                                             Progress progress) {
  CO_TRY(const DeviceProof proof,
         co_await unit.wire->measure(extent.address, extent.size, as, unit.nonce, progress));
  if (unit.loader && *unit.loader != proof.loader) {
    co_return Error(Code::kDevice, "the device says that it runs another program than before");
  }
  unit.loader = proof.loader;
  if (const auto& meant = unit.product.loader; meant && meant->digest != proof.loader) {
    co_return Error(
        Code::kDevice,
        "the device says that it runs the program {}, and was given {}: is somebody else "
        "at work on it?",
        proof.loader.hex(), meant->digest.hex());
  }
  co_return proof.digest;
}

// Each way is of cells, not of a buffer: the device restarts its chip before each hash, and before
// the first bytes that it sends after something else.
Task<Result<Sha256Digest>> measure(Unit& unit, Extent extent, Progress progress) {
  const Verify way = way_of(unit);
  if (way == Verify::kDevice) {
    co_return co_await measure_by_device(unit, extent, ReadAs::kProgrammed, progress);
  }
  CO_TRY(const Sha256Digest read,
         co_await unit.wire->read_back(extent.address, extent.size, progress));
  if (way == Verify::kReadback) co_return read;
  CO_TRY(const Sha256Digest measured,
         co_await measure_by_device(unit, extent, ReadAs::kProgrammed, progress));
  if (measured == read) co_return read;
  co_return Error(Code::kMismatch, "the device measures something else than it sends");
}

// The parts that are measured as their program will read them.
std::vector<Extent> booted_parts(const Unit& unit) {
  std::vector<Extent> extents;
  for (const UnitPart& part : unit.parts) {
    const bool boots = unit.product.verify_as_booted && unit.wire->boots_from(part.extent.address);
    if (boots) extents.push_back(part.extent);
  }
  return extents;
}

// The clock and the mode of programming are those that every board manages; those of the
// application may be too fast for this one.
Task<Status> measure_as_booted(Unit& unit, Extent extent, Progress progress) {
  auto digest = co_await measure_by_device(unit, extent, ReadAs::kBooted, progress);
  if (!digest) co_return std::move(digest).error().with_context(extent.name);
  const bool is_right = *digest == extent.digest;
  extent.digest = *digest;
  unit.measured_as_booted.push_back(std::move(extent));
  if (is_right) co_return Status();
  co_return Error(Code::kMismatch,
                  "{}: it was written well, but read with the clock and in the mode of the "
                  "application the flash gives something else: its lines do not manage that clock",
                  unit.measured_as_booted.back().name);
}

std::uint64_t bytes_to_measure(const Unit& unit, Verify way, const std::vector<Extent>& booted) {
  std::uint64_t bytes = way == Verify::kBoth ? 2 * unit.bytes() : unit.bytes();
  for (const Extent& extent : booted) bytes += extent.size;
  return bytes;
}

}  // namespace

// Everything is measured even if a part is wrong: the record shall say which.
Task<Status> VerifyStep::run(Unit& unit) const {
  const Verify way = way_of(unit);
  unit.proof = way == Verify::kDevice ? "device" : way == Verify::kReadback ? "readback" : "both";
  const std::vector<Extent> booted = booted_parts(unit);
  const Progress progress = unit.progress_of(verb(), bytes_to_measure(unit, way, booted));
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
  for (const Extent& extent : booted) {
    Status status = co_await measure_as_booted(unit, extent, progress);
    if (outcome) outcome = std::move(status);
  }
  co_return outcome;
}

}  // namespace gangd
