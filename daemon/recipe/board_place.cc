#include "recipe/board_place.h"

#include <fmt/format.h>

#include <algorithm>

#include "loop/deadline.h"

namespace gangd {

BoardPlace::BoardPlace(Usb& usb, std::vector<UsbPath> paths, const std::set<UsbPath>& all)
    : usb_(usb), paths_(std::move(paths)), all_(all) {}

const UsbDevice* BoardPlace::device() const {
  for (const UsbPath& path : paths_) {
    const auto found = std::ranges::find(usb_.devices(), path, &UsbDevice::path);
    if (found != usb_.devices().end()) return &*found;
  }
  return nullptr;
}

bool BoardPlace::is_here(const UsbDevice& device) const {
  return std::ranges::find(paths_, device.path) != paths_.end();
}

bool BoardPlace::is_gone() const {
  return std::ranges::find(usb_.devices(), arrival_, &UsbDevice::arrival) == usb_.devices().end();
}

Task<Result<UsbDevice>> BoardPlace::wait_for_next() {
  while (true) {
    const std::uint64_t seen = usb_.revision();
    for (const UsbDevice& device : usb_.devices()) {
      if (!is_here(device) || device.arrival <= arrival_) continue;
      arrival_ = device.arrival;
      co_return device;
    }
    CO_TRY_STATUS(co_await usb_.changed(seen));
  }
}

Task<Result<UsbDevice>> BoardPlace::next(std::uint16_t vendor, std::uint16_t product,
                                         Duration limit) {
  const std::uint64_t before = arrival_;
  auto device = co_await with_timeout(limit, wait_for_next());
  if (device || !device.failed_with(Code::kTimeout)) co_return device;
  const bool is_there_still = !is_gone();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
  CHECK(arrival_ == before);
  if (is_there_still) {
    co_return Error(Code::kTimeout,
                    "the board was told to start it, and {} s later it has not left", seconds);
  }
  co_return Error(Code::kTimeout,
                  "the board left, and did not come back as {:04x}:{:04x} in {} s{}", vendor,
                  product, seconds, whereabouts(vendor, product));
}

// A cable in the wrong port, or a slot whose second port nobody has named.
std::string BoardPlace::whereabouts(std::uint16_t vendor, std::uint16_t product) const {
  for (const UsbDevice& device : usb_.devices()) {
    const bool is_like_it = device.vendor == vendor && device.product == product;
    if (device.arrival <= arrival_ || !is_like_it || all_.contains(device.path)) continue;
    return fmt::format(
        "; one has come at {}, which is no slot's: if it is this board's, give the "
        "slot that path, too",
        device.path.to_string());
  }
  return "";
}

Task<Status> BoardPlace::wait_until_gone() {
  while (!is_gone()) CO_TRY_STATUS(co_await usb_.changed(usb_.revision()));
  co_return Status();
}

Task<Status> BoardPlace::gone(Duration limit) {
  co_return co_await with_timeout(limit, wait_until_gone());
}

Task<Result<std::unique_ptr<UsbConnection>>> BoardPlace::open(Duration limit) {
  co_return (co_await with_timeout(limit, usb_.open(arrival_))).with_context("open");
}

const BoardPlace::Started* BoardPlace::started(std::uint64_t arrival) const {
  return started_ && started_->arrival == arrival ? &*started_ : nullptr;
}

}  // namespace gangd
