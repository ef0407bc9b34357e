// EchoBoard: a device whose every answer a test can foresee, for the tests of the rig itself.
//
//   interface 0  DFU mode, idle; uploads kUpload bytes of a pattern
//   interface 1  vendor. Alternate setting 0: what is written to endpoint 0x01 comes back at 0x81,
//                transfer for transfer; 0x81 has nothing (NAK) before. Setting 1: 0x02 and 0x82.
//   vendor requests to the device: Request
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/rig/vrack/rack_board.h"

namespace gangd::rig {

class EchoBoard final : public RackBoard {
 public:
  enum class Request : std::uint8_t {
    kMemory = 1,  // OUT: keeps the data; IN: gives them back
    kHalt = 2,    // OUT: halts the endpoint in wIndex
    kWait = 3,    // IN: gives nothing, after wValue milliseconds of board time
    kChange = 4,  // OUT: after the answer leaves the bus, and comes back with wValue as bcdDevice
    kSink = 5,    // OUT: from now on what is written to it does not come back
  };

  static constexpr std::uint16_t kVendor = 0x1209, kProduct = 0x0001;
  static constexpr std::size_t kUpload = 10000;

  EchoBoard(std::size_t index, Host& host);

  void plug(BoardTime now) override;
  void unplug(BoardTime now) override;
  bool attached() const override { return attached_; }
  bool high_speed() const override { return true; }
  void submit(Transfer& transfer, BoardTime now) override;
  void cancel(Transfer& transfer, BoardTime now) override;
  void bus_reset(BoardTime now) override;
  BoardTime advance(BoardTime now) override;
  Result<std::string> chip_command(const std::vector<std::string>& words, BoardTime now) override;

 private:
  using Bytes = std::vector<std::uint8_t>;

  // False: it has no answer yet.
  bool run(Transfer& transfer, BoardTime now);
  bool run_control(Transfer& transfer, BoardTime now);
  bool standard_request(Transfer& transfer);
  bool dfu_request(Transfer& transfer);
  bool vendor_request(Transfer& transfer, BoardTime now);
  bool get_descriptor(Transfer& transfer);
  bool run_out(Transfer& transfer);
  bool run_in(Transfer& transfer);

  bool give(Transfer& transfer, const Bytes& bytes);
  bool end(Transfer& transfer, Outcome outcome);
  void set_attached(bool attached);
  void forget_state();
  Bytes device_descriptor() const;
  Bytes string_descriptor(std::uint8_t index) const;

  const std::string serial_;
  Host& host_;
  std::uint16_t release_ = 0x0100;
  bool attached_ = false;
  BoardTime comes_back_ = BoardTime::max();
  BoardTime answers_at_ = BoardTime::max();  // a kWait
  bool leaves_ = false;

  std::map<std::uint8_t, Transfer*> pending_;         // by endpoint
  std::map<std::uint8_t, std::deque<Bytes>> echoes_;  // by IN endpoint
  std::set<std::uint8_t> halted_;
  bool sink_ = false;
  Bytes memory_;
  std::uint8_t configuration_ = 0;
  std::uint8_t alternate_ = 0;
  std::uint8_t dfu_state_ = 2;
};

}  // namespace gangd::rig
