// A USB device that has endpoint 0 and no other: what is asked of it, in whole transfers. It
// answers the standard requests from its descriptors; the others are its owner's.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "tests/model/transfer.h"
#include "tests/model/usb_bus.h"

namespace gangd::model {

class ControlDevice {
 public:
  using Time = std::chrono::nanoseconds;
  static constexpr std::uint16_t kPacket = 64;  // bMaxPacketSize0

  struct Descriptors {
    std::uint16_t vendor = 0;
    std::uint16_t product = 0;
    std::uint16_t release = 0;
    // Index 1 is the manufacturer, 2 the product, 3 the serial number.
    std::vector<std::string> strings;
    std::vector<std::uint8_t> interfaces;  // what follows the configuration's own descriptor
    std::uint8_t alternates = 1;           // of interface 0
  };
  struct Setup {
    std::uint8_t type, request;
    std::uint16_t value, index, length;
  };
  // A request of a class or vendor, when its data has come. `data` is what was sent, or takes the
  // answer. False: stalled.
  using Answer = std::function<bool(const Setup& setup, std::vector<std::uint8_t>& data)>;

  // The bus, which outlives it, gives transfers a time; null: they take none.
  ControlDevice(Descriptors descriptors, UsbBus* bus, Answer answer);

  // Its pull-up. Hidden: all transfers end with kUnplugged.
  void show(bool shown);
  bool shown() const { return shown_; }
  std::uint8_t alternate() const { return alternate_; }

  void submit(Transfer& transfer, Time now);
  void cancel(Transfer& transfer);
  void bus_reset();
  // Returns when it next wants to; Time::max(): when something is submitted.
  Time advance(Time now);

  std::function<void(Transfer&)> on_complete;
  std::function<void(bool shown)> on_shown;

 private:
  struct Pending {
    Transfer* transfer;
    Time ends;
  };

  Time duration_ends(const Transfer& transfer, Time now);
  void execute(Transfer& transfer);
  bool answer_standard(const Setup& setup, std::vector<std::uint8_t>& data);
  bool descriptor(const Setup& setup, std::vector<std::uint8_t>& data) const;

  const Descriptors descriptors_;
  UsbBus* const bus_;
  const Answer answer_;
  bool shown_ = false;
  std::uint8_t configuration_ = 0;
  std::uint8_t alternate_ = 0;
  std::deque<Pending> pending_;
};

}  // namespace gangd::model
