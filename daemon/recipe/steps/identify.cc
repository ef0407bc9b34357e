#include <algorithm>

#include "image/image.h"
#include "recipe/steps.h"

namespace gangd {
namespace {

std::string describe(const std::vector<Layout>& memories) {
  std::string text;
  for (const Layout& memory : memories) {
    for (const LayoutSegment& segment : memory.segments) {
      text += fmt::format("{}{} 0x{:08x}-0x{:08x}", text.empty() ? "" : ", ", memory.name,
                          segment.address, segment.end() - 1);
    }
  }
  return text;
}

Status check_fit(const Unit& unit) {
  for (const UnitPart& part : unit.parts) {
    const Extent& extent = part.extent;
    const bool fits = std::ranges::any_of(unit.wire->memories(), [&extent](const Layout& memory) {
      return memory.holds(extent.address, extent.size);
    });
    if (fits) continue;
    return Error(Code::kInvalid,
                 "{} (0x{:08x}, {} bytes) does not fit into the board's memories: {}", extent.name,
                 extent.address, extent.size, describe(unit.wire->memories()));
  }
  return {};
}

// It is no use to find out when all is written.
Status check_boots(const Unit& unit) {
  if (!unit.product.verify_as_booted) return {};
  const bool boots = std::ranges::any_of(unit.parts, [&unit](const UnitPart& part) {
    return unit.wire->boots_from(part.extent.address);
  });
  if (boots) return {};
  return Error(Code::kUnsupported,
               "the product wants verify_as = \"booted\", and nothing of it lies in a flash that "
               "this board can read with the clock and in the mode of its application: is its "
               "loader an older one, or has its board.c no boot_hz?");
}

// The product wants more than what is read back.
Status check_measures(const Unit& unit) {
  const Verify verify = unit.product.verify;
  const bool demands = verify == Verify::kDevice || verify == Verify::kBoth;
  if (!demands || unit.wire->measures()) return {};
  return Error(Code::kUnsupported,
               "the product wants verify = \"{}\", and this board cannot hash what it holds ({}): "
               "give it a loader of ours, or let the product have verify = \"best\" or "
               "\"readback\"",
               verify == Verify::kBoth ? "both" : "device",
               unit.wire->protocol() == "xfp" ? "its loader says so" : "it has DfuSe only");
}

void add_image(Unit& unit) {
  for (std::size_t i = 0; i < unit.image.parts().size(); ++i) {
    unit.parts.push_back(
        {unit.image.extents()[i], unit.image.parts()[i].bytes, unit.image.digests()[i]});
  }
}

void add_serial(Unit& unit, const ProductSerial& serial, std::string_view text) {
  unit.serial_field = serial.field(text);
  unit.parts.push_back(
      {serial.extent(text), unit.serial_field, block_digests(serial.address, unit.serial_field)});
}

// What is written of a part: its bytes, and behind them what the memory's last unit of writing
// lacks.
Result<WorkPlan::Piece> piece_of(Unit& unit, const UnitPart& part) {
  const std::uint32_t write_unit = unit.wire->write_unit(part.extent.address);
  const std::size_t excess = part.bytes.size() % write_unit;
  if (part.extent.address % write_unit != 0) {
    return Error(Code::kInvalid,
                 "{} begins at 0x{:08x}: this memory is written in units of {} bytes",
                 part.extent.name, part.extent.address, write_unit);
  }
  if (excess == 0) return WorkPlan::Piece{part.extent.address, part.bytes};
  ByteVector padded(part.bytes.begin(), part.bytes.end());
  padded.resize(padded.size() + write_unit - excess, 0xff);
  unit.padded.push_back(std::move(padded));
  return WorkPlan::Piece{part.extent.address, unit.padded.back()};
}

// What the device holds is asked for only where it may be trusted: digests of cells that do not
// hold would be right today.
Task<Status> plan(Unit& unit, Cells cells) {
  std::vector<PlannedPart> parts;
  for (const UnitPart& part : unit.parts) {
    PlannedPart planned;
    CO_TRY(planned.piece, piece_of(unit, part));
    if (cells == Cells::kSound && unit.wire->compares()) {
      planned.wanted = part.digests;
      CO_TRY(planned.held, co_await unit.wire->digests(part.extent.address, part.extent.size));
    }
    parts.push_back(std::move(planned));
  }
  unit.plan = plan_work(std::move(parts),
                        [&unit](std::uint32_t address) { return unit.wire->erase_unit(address); });
  co_return Status();
}

}  // namespace

Task<Status> IdentifyStep::run(Unit& unit) const {
  unit.record.progress(verb(), 0, 0);
  if (unit.wire == nullptr) {
    CO_TRY(unit.wire, co_await open_wire(*unit.connection));
  }
  add_image(unit);
  CO_TRY_STATUS(check_fit(unit));
  CO_TRY_STATUS(check_measures(unit));
  CO_TRY_STATUS(check_boots(unit));
  CO_TRY(const BegunUnit begun, co_await unit.record.begin(unit.wire->uid()));
  unit.erase = begun.cells == Cells::kUnknown ? Erase::kAll : Erase::kNotBlank;
  unit.nonce = begun.nonce;
  if (unit.product.serial) {
    add_serial(unit, *unit.product.serial, begun.serial);
    CO_TRY_STATUS(check_fit(unit));
  }
  co_return co_await plan(unit, begun.cells);
}

}  // namespace gangd
