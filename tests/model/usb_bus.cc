#include "tests/model/usb_bus.h"

#include <algorithm>
#include <cmath>

namespace gangd::model {
namespace {

double full_packet(bool high_speed) {
  return high_speed ? 512 : 64;
}

double frame_ns(bool high_speed) {
  return high_speed ? 125'000 : 1'000'000;
}

}  // namespace

// 480 and 12 Mbit/s.
UsbBus::UsbBus(Kind kind)
    : kind_(kind),
      byte_ns_(kind.high_speed ? 8 / 0.48 : 8 / 0.012),
      overhead_ns_(frame_ns(kind.high_speed) / kind.packets -
                   full_packet(kind.high_speed) * byte_ns_) {}

UsbBus::Time UsbBus::carry(Time now, std::uint32_t packets, std::uint32_t bytes) {
  const double taken_ns = packets * overhead_ns_ + bytes * byte_ns_;
  free_at_ns_ = std::max(free_at_ns_, static_cast<double>(now.count())) + taken_ns;
  bytes_ += bytes;
  busy_ += Time(static_cast<Time::rep>(taken_ns));
  return Time(static_cast<Time::rep>(std::ceil(free_at_ns_)));
}

double UsbBus::rate() const {
  return full_packet(kind_.high_speed) * kind_.packets / (frame_ns(kind_.high_speed) * 1e-9);
}

}  // namespace gangd::model
