// The host's end of a USB cable: whole transfers for a test, tokens for the device controller of
// the chip. It plays SETUP, data and status stages, retries what is answered with NAK, keeps the
// toggles, and lets packets take their time on the wire.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/emu/peripheral.h"
#include "tests/model/transfer.h"

namespace gangd::emu {

// What is plugged in, token by token.
class UsbFunction {
 public:
  enum class Handshake { kAck, kNak, kStall, kNone };

  virtual ~UsbFunction() = default;

  virtual Handshake take_setup(std::uint8_t address, std::span<const std::uint8_t, 8> setup) = 0;
  // `endpoint` without bit 7. An answer of kAck has `bytes` and `toggle`, and is taken.
  struct Packet {
    Handshake handshake = Handshake::kNak;
    bool toggle = false;
    std::vector<std::uint8_t> bytes;
  };
  virtual Packet give_in(std::uint8_t endpoint) = 0;
  virtual Handshake take_out(std::uint8_t endpoint, bool toggle,
                             std::span<const std::uint8_t> bytes) = 0;
  virtual void begin_reset() = 0;
  virtual void end_reset(bool high_speed) = 0;
  virtual void suspend(bool suspended) = 0;
  // UsbHost::advance() wants to be called.
  virtual void wake() = 0;
  // Something went over the wire that a working device and a host never do.
  virtual void complain(std::string sentence) = 0;
};

class UsbHost {
 public:
  using Transfer = model::Transfer;
  using Outcome = model::Outcome;

  explicit UsbHost(bool high_speed) : port_is_high_speed(high_speed) {}
  UsbHost(const UsbHost&) = delete;
  UsbHost& operator=(const UsbHost&) = delete;

  // --- the test's side; as of model::VirtualUsb

  bool shown() const { return function_ != nullptr; }
  // Since the last reset of the bus.
  bool high_speed() const { return high_speed_; }
  std::uint8_t address() const { return address_; }

  void submit(Transfer& transfer);
  void cancel(Transfer& transfer);
  void bus_reset();
  void suspend(bool suspended);

  // Called from the functions above and from advance(); may submit others.
  std::function<void(Transfer&)> on_complete;
  std::function<void(bool shown)> on_shown;
  // VBUS, which a board may look at.
  bool powers_bus = true;
  // At the next reset of the bus; the device decides whether it can.
  bool port_is_high_speed;

  // --- the controller's side

  // The pull-up appears. `function` outlives its being shown.
  void show(UsbFunction& function, bool can_high_speed);
  void hide();
  // What was answered with NAK may be asked for again.
  void kick() { waiting_.clear(); }
  // Plays what is due up to `now`. Returns when it wants to be called again; Time::max(): after a
  // kick(), or when something is submitted.
  Time advance(Time now);

 private:
  enum class Stage { kSetup, kData, kStatus };

  Time transact(std::uint8_t address);
  Time transact_control();
  Time control_setup(Transfer& transfer);
  Time control_data(Transfer& transfer, std::uint32_t length);
  Time control_status(Transfer& transfer, std::uint32_t length);
  Time transact_bulk(std::uint8_t address);
  // Nothing: NAK, or the transfer has ended. Else whether it was a short packet.
  std::optional<bool> take_in(std::uint8_t queue, Transfer& transfer, std::uint32_t room,
                              std::uint32_t packet_max);
  std::optional<bool> give_out(std::uint8_t queue, Transfer& transfer, std::uint32_t size,
                               std::uint32_t packet_max);
  bool judge(std::uint8_t queue, UsbFunction::Handshake handshake);
  void learn(const Transfer& transfer);
  void complete(std::uint8_t queue, Outcome outcome);
  void complete_all(Outcome outcome);
  void end_reset();
  Time wire_time(std::size_t bytes) const;
  std::uint32_t bulk_packet() const { return high_speed_ ? 512 : 64; }

  UsbFunction* function_ = nullptr;
  bool function_can_high_speed_ = false;
  bool high_speed_ = false;
  std::uint8_t address_ = 0;
  std::uint32_t control_packet_ = 64;
  Stage stage_ = Stage::kSetup;
  bool reset_wanted_ = false;
  bool was_addressed_ = false;
  std::optional<Time> reset_ends_;
  Time free_at_{};
  // By endpoint address; control transfers are in queue 0.
  std::map<std::uint8_t, std::deque<Transfer*>> queues_;
  std::map<std::uint8_t, bool> waiting_;
  std::uint8_t last_queue_ = 0;
  // Expected, or to be sent next; none: not known after a change of interface.
  std::map<std::uint8_t, std::optional<bool>> toggles_;
};

}  // namespace gangd::emu
