// DeviceSession: a connection that has a device: an open file of usbfs, or an importer of USB/IP.
// Lasts until the other end closes or the device has gone.
#pragma once

#include <cstdint>

#include "loop/task.h"
#include "tests/rig/protocol.h"
#include "tests/rig/vrack/rack.h"
#include "tests/rig/vrack/socket_stream.h"
#include "tests/rig/vrack/urb_table.h"

namespace gangd::rig {

class DeviceSession final : private DeviceUser {
 public:
  // `place` has a device. An importer drives it alone, as a host controller does.
  static DeviceSession for_importer(Rack::Place& place, SocketStream& stream) {
    return DeviceSession(place, stream, UrbTable::Unlinked::kRetUnlink, -1, nullptr);
  }
  // Takes the pipe that tells of URBs to reap; `answers` is for those to calls.
  static DeviceSession for_file(Rack::Place& place, SocketStream& stream, int pipe,
                                SocketStream& answers) {
    return DeviceSession(place, stream, UrbTable::Unlinked::kRetSubmit, pipe, &answers);
  }
  ~DeviceSession();

  Task<void> run();

 private:
  DeviceSession(Rack::Place& place, SocketStream& stream, UrbTable::Unlinked answer, int pipe,
                SocketStream* answers);
  // Not to be moved: the stream and the device know its address.
  DeviceSession(const DeviceSession&) = delete;
  DeviceSession& operator=(const DeviceSession&) = delete;

  void device_gone() override;
  bool has_hung_up() const override;

  Task<Status> serve();
  Task<Status> serve_one(const Header& header);
  Task<Status> answer_call(const Header& header);
  Task<int> call(Call call, std::uint32_t first, std::uint32_t second, std::uint32_t& value);
  Task<int> claim(std::uint8_t interface);
  Task<Status> leave();
  void unlink_interface(std::uint32_t interface);
  void drain_pipe();

  Rack::Place& place_;
  UsbDevice& device_;
  SocketStream& stream_;
  const int pipe_;
  SocketStream* const answers_;  // null for an importer
  UrbTable urbs_;
};

}  // namespace gangd::rig
