// The time of one bus of a host controller, which all boards on it share. What is to be carried is
// carried in the order in which it was asked for; who asks for a few packets at a time, and again
// when they are across, shares the bus fairly with the others.
#pragma once

#include <chrono>
#include <cstdint>

namespace gangd::model {

class UsbBus {
 public:
  using Time = std::chrono::nanoseconds;

  // How fast a bus is in practice: so many full bulk packets fit into a frame. What the bytes of a
  // packet do not take of its share of the frame is overhead (tokens, handshakes, gaps, NAKs, what
  // the host controller does between packets), which a short packet has as well.
  struct Kind {
    bool high_speed;
    double packets;  // of 512 bytes in 125 us, or of 64 bytes in 1 ms
  };
  // At most 13 by USB 2.0, table 5-10; controllers manage 8 to 10.
  static constexpr Kind kHighSpeed{true, 10};
  // Table 5-9: 19.
  static constexpr Kind kFullSpeed{false, 19};
  // A bus of high speed that carries so many bytes in a second, in full packets.
  static constexpr Kind high_speed(double bytes_per_second) {
    return {true, bytes_per_second / (512 * 8000)};
  }

  explicit UsbBus(Kind kind);

  // Room for so many packets, of `bytes` in all, is kept from `now` on, behind what was asked for
  // before. Returns when the last one is across. `now` never goes back.
  Time carry(Time now, std::uint32_t packets, std::uint32_t bytes);

  bool high_speed() const { return kind_.high_speed; }
  // A batch for carry() that lets nobody wait long: a frame's worth.
  std::uint32_t batch_max() const { return kind_.packets < 1 ? 1u : std::uint32_t(kind_.packets); }
  // Bytes in a second when it carries nothing but full packets.
  double rate() const;
  // What it has carried so far: the bytes, and the time that it was busy.
  std::uint64_t bytes() const { return bytes_; }
  Time busy() const { return busy_; }

 private:
  const Kind kind_;
  const double byte_ns_;
  const double overhead_ns_;
  double free_at_ns_ = 0;
  std::uint64_t bytes_ = 0;
  Time busy_{};
};

}  // namespace gangd::model
