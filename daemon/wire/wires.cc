#include <array>

#include "wire/dfuse_wire.h"
#include "wire/wire.h"
#include "wire/xfp_wire.h"

namespace gangd {
namespace {

struct WireKind {
  // Whether a device with this configuration descriptor speaks it.
  bool (*is_spoken)(ByteView configuration);
  Task<Result<std::unique_ptr<Wire>>> (*open)(UsbConnection& connection);
};

// The best comes first.
constexpr std::array kWires = {
    WireKind{XfpWire::is_spoken, XfpWire::open},
    WireKind{DfuseWire::is_spoken, DfuseWire::open},
};

}  // namespace

Task<Result<std::unique_ptr<Wire>>> open_wire(UsbConnection& connection) {
  for (const WireKind& kind : kWires) {
    if (kind.is_spoken(connection.configuration())) co_return co_await kind.open(connection);
  }
  co_return Error(Code::kUnsupported,
                  "the device speaks none of our protocols: is it in its loader?");
}

}  // namespace gangd
