// One XFP session with a board: requests and answers, in order (target_fw/PROTOCOL.md).
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "loop/task.h"
#include "target_fw/xfp.h"
#include "usb/usb.h"

namespace gangd {

struct XfpEndpoints {
  std::uint8_t interface = 0;
  std::uint8_t out = 0;
  std::uint8_t in = 0;
};

// Where a configuration offers XFP; kNotFound if it does not. Bytes from anywhere are safe.
Result<XfpEndpoints> find_xfp(ByteView configuration);

class XfpLink {
 public:
  struct Answer {
    std::uint32_t address = 0;
    ByteVector payload;
  };

  // The connection must outlive it.
  XfpLink(UsbConnection& connection, XfpEndpoints endpoints)
      : connection_(connection), endpoints_(endpoints) {}

  // Begins a session; what was going on in another is over. Gives the capabilities.
  Task<Result<ByteVector>> hello();

  // Sends a request without waiting for its answer. At most as many as the device has slots for.
  Task<Status> send(xfp_op op, std::uint32_t address, ByteVector payload);
  // The answer to the oldest request that has none. kDevice: the device says that it failed;
  // kTransfer: a frame was lost, and only hello() is of use.
  Task<Result<Answer>> receive();
  Task<Result<Answer>> call(xfp_op op, std::uint32_t address, ByteVector payload);

  std::size_t unanswered() const { return unanswered_.size(); }

 private:
  struct Request {
    std::uint32_t sequence;
    xfp_op op;
  };

  Result<Answer> check(ByteView frame);

  UsbConnection& connection_;
  const XfpEndpoints endpoints_;
  std::uint32_t session_ = 0;
  std::uint32_t sequence_ = 0;
  std::deque<Request> unanswered_;
};

}  // namespace gangd
