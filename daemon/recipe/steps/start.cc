#include <chrono>

#include "base/check.h"
#include "recipe/board_place.h"
#include "recipe/steps.h"
#include "wire/ram_start.h"

namespace gangd {

Task<Status> StartStep::run(Unit& unit) const {
  CHECK(unit.place != nullptr && unit.product.start);
  unit.record.progress(verb(), 0, 0);
  const ProductStart& start = *unit.product.start;
  const Duration limit = std::chrono::seconds(start.seconds_max);
  CO_TRY_STATUS(co_await start_application(*unit.connection, start.address));
  if (start.vendor == 0) {
    const Status gone = co_await unit.place->gone(limit);
    if (!gone.failed_with(Code::kTimeout)) co_return gone;
    co_return Error(Code::kTimeout,
                    "the board was told to start it, and {} s later it has not left",
                    start.seconds_max);
  }
  CO_TRY(const UsbDevice device, co_await unit.place->next(start.vendor, start.product, limit));
  if (device.vendor == start.vendor && device.product == start.product) co_return Status();
  co_return Error(Code::kDevice,
                  "the board came back as {:04x}:{:04x}, and its application is {:04x}:{:04x}",
                  device.vendor, device.product, start.vendor, start.product);
}

}  // namespace gangd
