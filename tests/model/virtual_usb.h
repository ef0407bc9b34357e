// A USB device controller without a cable: struct usb_port for the firmware, whole transfers for
// the host. Between them it plays what the bus would: SETUP, the data stage packet by packet, the
// status stage; NAK while the firmware is not ready; STALL; bus reset.
//
// It has no time of its own: whoever drives it calls step() and the firmware's poll in turn.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "target_fw/core/usb_device.h"
#include "target_fw/port.h"
#include "tests/model/transfer.h"

namespace gangd::model {

class VirtualUsb {
 public:
  // The events go to `device`, which need not be initialised yet.
  VirtualUsb(usb_device& device, bool high_speed);
  VirtualUsb(const VirtualUsb&) = delete;
  VirtualUsb& operator=(const VirtualUsb&) = delete;

  // For usb_device_init(); lives as long as this does.
  const usb_port& port() const { return port_; }

  // --- the host's side

  // The device shows its pull-up.
  bool shown() const { return shown_; }
  std::uint8_t address() const { return address_; }

  // Begins a transfer; those of one endpoint are played in the order of submission. An endpoint
  // that the device does not have: kStalled. A device that is not shown: kUnplugged.
  void submit(Transfer& transfer);
  // Ends it with kCancelled, unless it is completed already. What the firmware has been told so far
  // stays told: the next SETUP finds it in the middle.
  void cancel(Transfer& transfer);
  // All transfers end with kCancelled; the device is without address and configuration.
  void bus_reset();
  // SETUP without all that should follow: what a host leaves behind that was switched off.
  void setup_only(const std::array<std::uint8_t, 8>& setup);
  void suspend(bool suspended);

  // Plays what both sides are ready for, at most one packet or stage on each endpoint. True:
  // something moved, so poll the firmware and step again. A poll may also make something ready by
  // itself: time may pass only when a step after it moves nothing.
  bool step();

  // The same for one endpoint; 0 is control. For whoever gives the bus a time: what step_at() may
  // be called for is ready() before.
  bool step_at(std::uint8_t endpoint);
  // Of the transfer that is the endpoint's first, what both sides are ready for: packets or stages,
  // and the bytes in them. No more than `packets_max`.
  struct Ready {
    std::uint32_t packets = 0;
    std::uint32_t bytes = 0;
  };
  Ready ready(std::uint8_t endpoint, std::uint32_t packets_max) const;
  // Endpoints that the host has something for: control, and those of its transfers.
  std::vector<std::uint8_t> wanted() const;
  // The firmware has armed or stalled the endpoint.
  std::function<void(std::uint8_t endpoint)> on_prepared;

  // Called from submit(), cancel(), bus_reset(), step() and the port when a transfer has ended; may
  // submit others.
  std::function<void(Transfer&)> on_complete;
  std::function<void(bool shown)> on_shown;

  // What was not as the port's contract or the bus demands, in sentences.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  enum class Stage { kSetup, kData, kStatus };

  // One endpoint's hardware: what the firmware has armed it with.
  struct Endpoint {
    bool open = false;
    bool stalled = false;
    bool armed = false;
    std::uint16_t packet_max = USB_CONTROL_PACKET;
    const std::uint8_t* send = nullptr;
    std::uint8_t* receive = nullptr;
    std::uint32_t size = 0;
    std::uint32_t done = 0;
    std::deque<Transfer*> queue;  // of the host; control transfers wait at address 0
  };

  Endpoint& endpoint(std::uint8_t address) { return endpoints_[address]; }
  void complain(const char* what, std::uint8_t address);
  void tell(usb_bus_event event) { usb_event(&device_, &event); }
  void complete(Endpoint& at, Outcome outcome);
  void complete_all(Outcome outcome);
  void disarm_all();

  static Ready packets(std::uint32_t bytes, std::uint32_t room, const Endpoint& at,
                       std::uint32_t packets_max);
  Ready ready_control(std::uint32_t packets_max) const;
  bool step_control();
  bool step_data(Transfer& transfer, std::uint32_t length);
  bool step_status(bool is_read);
  bool step_bulk(std::uint8_t address, Endpoint& at);
  bool take_packet(std::uint8_t address, Transfer& transfer, std::uint32_t room, bool& ended);
  bool give_packet(std::uint8_t address, Transfer& transfer, std::uint32_t length, bool& ended);
  void send_setup(const std::array<std::uint8_t, 8>& setup);

  void connect(bool shown);
  void open(std::uint8_t address, std::uint16_t packet_max);
  void stall(std::uint8_t address, bool stalled);
  void arm(std::uint8_t address, bool is_send, const std::uint8_t* send, std::uint8_t* receive,
           std::uint32_t size);

  usb_device& device_;
  const bool high_speed_;
  usb_port port_{};
  bool shown_ = false;
  std::uint8_t address_ = 0;
  Stage stage_ = Stage::kSetup;
  std::map<std::uint8_t, Endpoint> endpoints_;
  std::vector<std::string> complaints_;
};

}  // namespace gangd::model
