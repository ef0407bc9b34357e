#include <array>

#include "loop/this_loop.h"
#include "wire/dfuse_wire.h"
#include "wire/wire.h"
#include "wire/xfp_wire.h"

namespace gangd {
namespace {

struct WireKind {
  // Whether a device with this configuration descriptor speaks it, in some version.
  bool (*is_spoken)(ByteView configuration);
  // kUnsupported: not as we do; the next one is tried.
  Task<Result<std::unique_ptr<Wire>>> (*open)(UsbConnection& connection);
};

// The best comes first.
constexpr std::array kWires = {
    WireKind{XfpWire::is_spoken, XfpWire::open},
    WireKind{DfuseWire::is_spoken, DfuseWire::open},
};

}  // namespace

Task<Result<std::unique_ptr<Wire>>> open_wire(UsbConnection& connection) {
  Loop& loop = co_await ThisLoop();
  Error reason(Code::kUnsupported, "the device speaks none of our protocols: is it in its loader?");
  for (const WireKind& kind : kWires) {
    if (!kind.is_spoken(connection.configuration())) continue;
    auto wire = co_await kind.open(connection);
    if (!wire.failed_with(Code::kUnsupported)) co_return wire;
    reason = std::move(wire).error();
    loop.log(Severity::kWarning, "{}: {}", connection.device().path.to_string(), reason.message());
  }
  co_return reason;
}

}  // namespace gangd
