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

// Where a configuration offers XFP of our version; kUnsupported: of another one; kNotFound if it
// does not. Bytes from anywhere are safe.
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
    std::optional<std::uint32_t> payload_sum = {};  // its crc32c(), if somebody knows it
    bool is_quiet = false;  // a WRITE that the answer to a later one answers; see may_be_quiet()
  };
  struct Answer {
    xfp_op op = XFP_STATUS;
    ByteVector payload = {};
    std::uint64_t written = 0;  // bytes of the memory, by all WRITEs that it answers
  };

  // The connection must outlive it.
  XfpLink(UsbConnection& connection, XfpEndpoints endpoints)
      : connection_(connection), endpoints_(endpoints) {}

  // Begins a session; what was going on in another is over. Gives the capabilities.
  Task<Result<ByteVector>> hello();

  // What the device takes at once, as its capabilities say; of more than any board needs, less.
  void set_limits(std::uint32_t payload_max, std::uint32_t buffer);
  // The flags of requests that it knows.
  void set_flags(std::uint8_t flags) { flags_ = flags; }
  // What the payload of a WRITE may be: bit n is codec n. XFP_RAW always is.
  void set_codecs(std::uint8_t codecs) { codecs_ = codecs; }
  bool knows(xfp_codec codec) const { return codec == XFP_RAW || (codecs_ >> codec & 1) != 0; }
  // How many bytes its slowest memory programs in a second.
  void set_rate(std::uint32_t rate) { rate_ = rate; }
  std::size_t payload_max() const { return payload_max_; }

  // Whether the device has room for one more, of a payload of so many bytes.
  bool has_room(std::size_t payload_size) const;
  // The bytes of the next request, which counts as sent from now on: they must be transmitted in
  // the order in which they were made.
  ByteVector frame_of(const Request& request);
  // How much the device could take now in one transfer that begins with such a payload.
  std::size_t transfer_size(std::size_t payload_size) const;
  // The same at the end of a transfer, which may have others before; if they let it.
  void add_frame(ByteWriter& transfer, const Request& request);
  // Whether the next one may follow in the same transfer, which it saves: where this one fills what
  // it occupies in the device, its end need not be told by that of a transfer.
  bool may_be_followed(const ByteWriter& transfer, const Request& request) const;
  // Whether a WRITE of such a payload, with others behind it, needs no answer of its own. So much
  // is asked for with the answer that its room makes a long transfer, and the device has something
  // left to do until that comes.
  bool may_be_quiet(std::size_t payload_size) const;
  Task<Status> transmit(ByteVector transfer);
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

  Task<> choose_session();
  // A slow bus rather carries no zeros.
  bool shares_transfers() const;
  // How long the next answer may take.
  Duration answer_limit() const;
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
  std::size_t quiet_ = 0;  // occupied since the last request whose answer must come
  std::uint8_t flags_ = 0;
  std::uint8_t codecs_ = 0;
  std::uint32_t rate_ = 0;
  std::uint32_t session_ = 0;
  std::uint32_t sequence_ = 0;
  std::deque<Sent> unanswered_;
};

}  // namespace gangd
