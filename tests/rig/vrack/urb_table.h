// UrbTable: the URBs that one connection has in flight.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/result.h"
#include "loop/signal.h"
#include "loop/task.h"
#include "tests/rig/protocol.h"
#include "tests/rig/vrack/socket_stream.h"
#include "tests/rig/vrack/usb_device.h"

namespace gangd::rig {

class UrbTable {
 public:
  // How a URB that was unlinked is answered (protocol.h).
  enum class Unlinked { kRetUnlink, kRetSubmit };

  // `device` and `stream` must stay until wait_empty() has ended.
  UrbTable(UsbDevice& device, SocketStream& stream, Unlinked answer);
  ~UrbTable();

  // Reads the data that follows `header`. An error is one of the connection.
  Task<Status> submit(const Header& header);
  void unlink(const Header& header);
  // Unlinks those for which `which(endpoint)` holds.
  void unlink_all(const std::function<bool(std::uint8_t endpoint)>& which);
  Task<void> wait_empty();

 private:
  class Pending;

  void finish(Pending& pending);

  UsbDevice& device_;
  SocketStream& stream_;
  const Unlinked answer_;
  std::map<std::uint32_t, std::unique_ptr<Pending>> pending_;  // by sequence number
  Signal finished_;
};

}  // namespace gangd::rig
