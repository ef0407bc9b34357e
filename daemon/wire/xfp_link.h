// One XFP session with a board: requests and answers, in order (target_fw/PROTOCOL.md).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

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

// The status of an answer, with what our firmware means by it: `errERASE (the chip could not
// erase)`.
std::string xfp_status_words(std::uint8_t status);

class XfpLink {
 public:
  struct Request {
    xfp_op op = XFP_STATUS;
    std::uint8_t mode = 0;
    std::uint32_t address = 0;
    std::uint32_t span = 0;
    ByteView payload = {};
  };
  struct Answer {
    ByteVector payload;
    std::uint64_t written = 0;  // bytes of the memory, by all WRITEs that it answers
  };

  // The connection must outlive it.
  XfpLink(UsbConnection& connection, XfpEndpoints endpoints)
      : connection_(connection), endpoints_(endpoints) {}

  // Begins a session; what was going on in another is over. Gives the capabilities.
  Task<Result<ByteVector>> hello();

  // What the device takes at once, as its capabilities say.
  void set_limits(std::uint32_t payload_max, std::uint32_t buffer);
  std::size_t payload_max() const { return payload_max_; }

  // Whether the device has room for one more, of a payload of so many bytes.
  bool has_room(std::size_t payload_size) const;
  // The bytes of the next request, which counts as sent from now on: they must be transmitted in
  // the order in which they were made.
  ByteVector frame_of(const Request& request);
  Task<Status> transmit(ByteVector frame);
  // The next answer. kDevice: the device says that it failed; kTransfer: a frame was lost, and only
  // hello() is of use.
  Task<Result<Answer>> receive();
  bool all_answered() const { return unanswered_.empty(); }

  // A request and its answer. The payload must stay until then.
  Task<Result<Answer>> call(Request request);

 private:
  struct Sent {
    std::uint32_t sequence;
    xfp_op op;
    std::uint32_t span;
    std::size_t occupies;
    std::size_t answer_max;  // of its payload
  };

  // Of the payloads of answers that may come.
  std::size_t answer_max() const;
  Result<Answer> check(ByteView frame);
  // Takes what an answer to `sequence` answers; the bytes that WRITEs among it have written, or
  // nothing if it cannot be an answer.
  std::optional<std::uint64_t> take_answered(std::uint32_t sequence, std::uint8_t op);

  UsbConnection& connection_;
  const XfpEndpoints endpoints_;
  std::size_t payload_max_ = 0;
  std::size_t buffer_ = 0;
  std::size_t occupied_ = 0;
  std::uint32_t session_ = 0;
  std::uint32_t sequence_ = 0;
  std::deque<Sent> unanswered_;
};

}  // namespace gangd
